"""The network between hosts and a server: it takes time, is cut, goes silent, stands still.

It stands in front of the delivery of simloop's network, which keeps the order of each connection.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from simloop import _net

from simulation.loop import TICK_SECONDS, SimulationLoop
from simulation.scenario import QUEUE

#: How long it takes the server, at least and at most, to notice that a host has gone that said nothing.
UNNOTICED_SECONDS = (5.0, 90.0)


class Wires:
    """All connections to the server."""

    def __init__(self, loop: SimulationLoop) -> None:
        self._loop = loop
        self._net: Any = loop.net
        self._chance = Random(f"{loop.seed}:wires")
        self._net.host(QUEUE)
        self._arrive: Callable[[Any], None] = self._net._deliver
        self._net._deliver = self._deliver
        #: Who hears nothing, and who is not heard, of hosts that are cut off.
        self._deaf: set[str] = set()
        self._mute: set[str] = set()
        #: What is on the way to or from hosts whose connections stand still.
        self._stalled: dict[str, list[Any]] = {}

    def lay(self, host: str, latency: tuple[float, float]) -> None:
        """Connect a host."""
        self._net.host(host)
        self._net.set_link(host, QUEUE, latency=latency)
        self._net.set_link(QUEUE, host, latency=latency)

    def silence(self, host: str, *, both_ways: bool) -> None:
        """What is sent to it, or also what it sends, is lost."""
        self._deaf.add(host)
        if both_ways:
            self._mute.add(host)

    def stall(self, host: str) -> None:
        """What is sent to it, and what it sends, waits."""
        self._stalled[host] = []

    def heal(self, host: str) -> None:
        """What is sent arrives; what waited arrives now."""
        self._deaf.discard(host)
        self._mute.discard(host)
        for packet in self._stalled.pop(host, ()):
            self._again(0.0, packet)

    def reset(self, host: str) -> None:
        """Its connections are lost, with what is on the way. The server may not notice for a while."""
        late = self._chance.random() < 0.5
        for end in self._ends(host):
            here = end._local[0]
            seconds = self._chance.uniform(*UNNOTICED_SECONDS) if late and here == QUEUE else 0.0
            self._loop.on_behalf_of(here, seconds, end._reset_arrived)

    def killed(self, host: str) -> None:
        """Its system closes what it had open, unless the machine is gone with it."""
        machine = self._chance.random() < 0.3
        for end in self._ends(host):
            here = end._local[0]
            if here == host and not machine:
                end._send("rst")
            elif here == QUEUE and machine:
                seconds = self._chance.uniform(*UNNOTICED_SECONDS)
                self._loop.on_behalf_of(QUEUE, seconds, end._reset_arrived)

    def _ends(self, host: str) -> list[Any]:
        return [
            one for one in self._net._streams.values() if host in (one._local[0], one._remote[0])
        ]

    def _deliver(self, packet: Any) -> None:
        if packet.dst in self._loop.dead or packet.dst in self._deaf or packet.src in self._mute:
            return
        for host in (packet.src, packet.dst):
            if host in self._stalled:
                self._stalled[host].append(packet)
                return
        frozen = self._loop.frozen.get(packet.dst, 0.0) - self._loop.true_time()
        if frozen > 0 or packet.dst in self._loop._blocked:
            self._again(max(frozen, 0.0) + 2 * TICK_SECONDS, packet)
            return
        self._arrive(packet)

    def _again(self, seconds: float, packet: Any) -> None:
        self._loop.call_later(seconds, self._deliver, packet, context=_net._wire_context())
