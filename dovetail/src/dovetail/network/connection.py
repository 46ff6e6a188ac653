"""A connection that is made again whenever it is lost. For transports that keep their own loop."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar, TypeVarTuple

from dovetail import clock
from dovetail.errors import QueueError, QueueUnavailable
from dovetail.network.connecting import Connecting, connect_to_any
from dovetail.network.server_address import Host
from dovetail.options import QueueOptions
from dovetail.unforeseen import Unforeseen


class Wire(Protocol):
    """One connection to one server; it ends once and is then thrown away."""

    closed: bool

    async def lost(self) -> str:
        """Return when it has ended, and why."""

    def abort(self, why: str) -> None:
        """Close it at once."""

    async def leave(self) -> None:
        """Write what waits, say good-bye, and close. Whatever happens, it is closed then."""


AnyWire = TypeVar("AnyWire", bound=Wire)
Told = TypeVarTuple("Told")


class Connection(ABC, Generic[AnyWire]):
    """`shown` is the address without secrets. `quiet` leaves it to another connection to say that the server
    is gone and back."""

    def __init__(
        self,
        hosts: Sequence[Host],
        shown: str,
        options: QueueOptions,
        log: logging.Logger,
        *,
        quiet: bool = False,
    ) -> None:
        self._options = options
        self._log = log
        self._quiet = quiet
        self.locate(hosts, shown)
        self._wire: AnyWire | None = None
        #: The host that it is to, or was to.
        self._host: Host | None = None
        self._connected = asyncio.Event()
        self._closed = False
        self._keeper: asyncio.Task[None] | None = None
        self._unforeseen = Unforeseen(log, "keeping a connection")
        #: Called when a connection has ended, before the next is made.
        self.on_lost: list[Callable[[], None]] = []

    @abstractmethod
    async def _connect(self, host: Host) -> AnyWire:
        """A wire that is ready; OSError for what passes by itself, ConfigurationError for what does not."""

    async def _watch(self, wire: AnyWire) -> str:
        """Return when the wire has ended, and why. A transport without heartbeats sees to that here."""
        return await wire.lost()

    @property
    def connected(self) -> bool:
        """Whether the connection stands."""
        return self._wire is not None and not self._wire.closed and not self._closed

    @property
    def started(self) -> bool:
        """Whether anybody has asked for the connection, and it was not closed."""
        return self._keeper is not None and not self._closed

    def locate(self, hosts: Sequence[Host], shown: str) -> None:
        """Where the server is, if that is known only before `open`."""
        self._hosts = hosts
        self._shown = shown
        self._connecting = Connecting(self._connect_any, shown, self._options)

    async def open(self) -> None:
        """Connect; keeps trying for `options.patience` seconds. Raises as Transport.open does."""
        await self._connecting.first()
        self.start()

    def start(self) -> None:
        """Connect in the background, and stay connected; a second call does nothing."""
        if self._keeper is None and not self._closed:
            self._keeper = asyncio.create_task(self._keep_connected())

    async def close(self) -> None:
        """Say what waits to be said, then disconnect."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._keeper is not None:
                self._keeper.cancel()
                await asyncio.gather(self._keeper, return_exceptions=True)
        finally:
            if self._wire is not None:
                await self._wire.leave()
            self._connected.set()  # whoever waits for it is told

    async def ready(self) -> AnyWire:
        """The wire, as soon as there is one; QueueUnavailable after `close`."""
        while True:
            if self._closed:
                raise QueueUnavailable("the queue is closed")
            if self._wire is not None and not self._wire.closed:
                return self._wire
            self._connected.clear()
            await self._connected.wait()

    def unavailable(self, why: str = "") -> QueueError:
        """What to raise when the time is over."""
        if not why:
            why = "did not answer in time" if self.connected else "cannot be reached"
        return QueueUnavailable(f"the queue at {self._shown}: {why}")

    async def _watch_by_pings(
        self, wire: AnyWire, seconds: float, ping: Callable[[AnyWire], Awaitable[None]]
    ) -> str:
        """As `_watch`; `ping` is called so often, and aborts the wire where nothing answers."""
        while True:
            try:
                async with asyncio.timeout(seconds):
                    return await wire.lost()
            except TimeoutError:
                await ping(wire)

    async def _connect_any(self) -> None:
        await connect_to_any(self._hosts, self._take_wire, last=self._host)

    async def _take_wire(self, host: Host) -> None:
        self._wire = await self._connect(host)
        self._host = host
        self._connected.set()

    async def _keep_connected(self) -> None:
        if self._wire is None:
            await self._connecting.again(quiet=self._quiet)
        while True:
            assert self._wire is not None
            why, lost = await self._end_of(self._wire), clock.monotonic()
            self._say("lost: %s; trying again", why)
            self._tell(self.on_lost)
            await self._connecting.again(quiet=self._quiet)
            self._say("regained after %.1f s", clock.monotonic() - lost)

    async def _end_of(self, wire: AnyWire) -> str:
        """As `_watch`, which may fail: then the wire is given up."""
        try:
            return await self._watch(wire)
        except Exception as error:  # noqa: BLE001 - or nobody would connect again
            self._unforeseen.tell(error)
            wire.abort("it could not be watched any more")
            return await wire.lost()

    def _tell(self, callbacks: Sequence[Callable[[*Told], None]], *what: *Told) -> None:
        """Call each of them; where one fails, the others are called nevertheless."""
        for callback in list(callbacks):
            try:
                callback(*what)
            except Exception as error:  # noqa: BLE001 - it is none of the connection's business
                self._unforeseen.tell(error)

    def _say(self, text: str, *values: object) -> None:
        if not self._quiet:
            self._log.warning(f"connection to %s {text}", self._shown, *values)
