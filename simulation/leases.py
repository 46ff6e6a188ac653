"""For how long a lease is valid for certain, as far as it can be told from what was seen."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from simulation.facts import member_of
from simulation.history import History, Seen
from simulation.scenario import Scenario
from simulation.troubles import MATTERS_SECONDS, Troubles

#: A host renews every third of a lease, and a message to the queue may be so long on the way, in seconds.
ON_THE_WAY = 0.1


@dataclass
class Holding:
    """One delivery, as the queue must see it."""

    seen: Seen
    lease: float
    #: Until then its lease is valid for certain.
    sure_until: float
    #: Since when its host has it, and renews it.
    received: float = float("inf")
    settled: bool = False
    #: Its host has sent what became of it, which may never arrive, and renews it no more.
    let_go: bool = False


@dataclass
class Hosts:
    """Who is away, and since when who is not."""

    away: set[str] = field(default_factory=set)
    back: dict[str, float] = field(default_factory=dict)
    #: Frozen, and cut off as well.
    _reasons: Counter[str] = field(default_factory=Counter)

    def see(self, one: Seen) -> None:
        """Take note."""
        if one.what in ("killed", "frozen", "cut"):
            self._reasons[one.host] += 1
            self.away.add(one.host)
        elif one.what in ("thawed", "healed") and one.host in self.away:
            self._reasons[one.host] -= 1
            if not self._reasons[one.host]:
                self.away.discard(one.host)
                self.back[one.host] = one.at


class Leases:
    """Follows who holds what, for as long as it is certain."""

    def __init__(self, scenario: Scenario) -> None:
        self._leases = {group.name: group.lease for group in scenario.groups}
        self._hosts = Hosts()
        self.holding: dict[tuple[str, str], Holding] = {}

    def see(self, one: Seen) -> None:
        """Take note."""
        if one.what in ("killed", "frozen", "cut"):
            for held in self.holding.values():
                if held.seen.host == one.host:
                    self._extend(held, one.at)
        self._hosts.see(one)
        if one.what == "delivered":
            lease = self._leases[one.group.split("/")[0]]
            self.holding[one.group, one.key] = Holding(one, lease, one.at + lease)
        if (holder := self.holder(one)) is None:
            return
        if one.what == "received":
            holder.received = one.at
        elif one.what == "let go":
            self._extend(holder, one.at)
            holder.received, holder.let_go = float("inf"), True
        elif one.what in ("acked", "retried", "released", "buried"):
            holder.settled = True

    def holder(self, one: Seen) -> Holding | None:
        """The delivery that this is about, where nobody else has got the message since."""
        held = self.holding.get((one.group, one.key))
        return held if held is not None and held.seen.delivery == one.delivery else None

    def certain(self, held: Holding | None, at: float) -> bool:
        """Whether its lease must be valid."""
        if held is None or held.settled:
            return False
        self._extend(held, at)
        return at < held.sure_until - ON_THE_WAY

    def _extend(self, held: Holding, at: float) -> None:
        """The lease was renewed, if its host was there for long enough before it ended."""
        host = held.seen.host
        if host in self._hosts.away:
            return
        since = max(self._hosts.back.get(host, 0.0), held.received)
        renewed = since + held.lease / 3 + ON_THE_WAY
        if renewed < min(held.sure_until, at):
            held.sure_until = max(held.sure_until, at + held.lease * 2 / 3 - ON_THE_WAY)

    def takes_effect(self, one: Seen) -> bool:
        """Whether what a host has just said of a message counts for certain."""
        return self.certain(self.holder(one), one.at)

    def is_fresh(self, one: Seen) -> bool:
        """Whether the queue has certainly delivered this just now, and not long ago."""
        return True


#: What a host says of a message has certainly arrived after so many seconds, where nothing is in the way.
ARRIVES_SECONDS = 2.0
#: So many commands, one after the other, may lie between two renewals of a lease.
COMMANDS_BETWEEN_RENEWALS = 8


class ServerLeases(Leases):
    """The same, where only hosts are seen, and the queue is what they make of it: much less is certain."""

    def __init__(self, scenario: Scenario, history: History) -> None:
        super().__init__(scenario)
        self._troubles = Troubles(history)
        self._scenario = scenario

    def see(self, one: Seen) -> None:
        """Take note."""
        if one.what == "delivered":
            lease = self._leases[one.group.split("/")[0]]
            self.holding[one.group, one.key] = Holding(one, lease, one.at + lease)
            return
        settles = one.what in ("acked", "retried", "released", "buried")
        if settles and (holder := self.holder(one)) is not None:
            holder.settled = holder.let_go = True

    def certain(self, held: Holding | None, at: float) -> bool:
        """Whether its lease must be valid."""
        if held is None or held.settled:
            return False
        if self._commands(held.seen.host) > held.lease * 2 / 3 - ON_THE_WAY:
            return False
        began = held.seen.at - 2 * held.lease - MATTERS_SECONDS
        return not self._troubles.between(held.seen.host, began, at)

    def takes_effect(self, one: Seen) -> bool:
        """Whether what a host has just said of a message counts for certain."""
        arrives = one.at + ARRIVES_SECONDS + self._commands(one.host)
        troubled = self._troubles.between(one.host, one.at, arrives)
        return not troubled and super().takes_effect(one)

    def is_fresh(self, one: Seen) -> bool:
        """Whether the queue has certainly delivered this just now, and not long ago."""
        return not self._troubles.between(one.host, one.at, one.at)

    def _commands(self, host: str) -> float:
        """What those take that may lie between two renewals; each may wait for two writes to the disk."""
        slowest = member_of(self._scenario, host).latency[1] + self._scenario.disk[1]
        return COMMANDS_BETWEEN_RENEWALS * 2 * slowest


def leases(scenario: Scenario, history: History) -> Leases:
    """As far as they can be followed with this queue."""
    if scenario.queue == "memory":
        return Leases(scenario)
    return ServerLeases(scenario, history)
