"""Ways in which hosts can be cut off from each other, drawn at random: who does not hear whom."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random

from benchmarks.partitions.network import Cuts


@dataclass(frozen=True)
class Hosts:
    """Who is on the network: the servers of a cluster, and those who use it."""

    servers: tuple[str, ...]
    clients: tuple[str, ...]

    @property
    def everyone(self) -> tuple[str, ...]:
        return self.servers + self.clients


def apart(some: Iterable[str], others: Iterable[str]) -> Cuts:
    """None of the ones hears any of the others, nor the other way round."""
    there = list(others)
    return frozenset(pair for one in some for two in there for pair in ((one, two), (two, one)))


def halves(hosts: Hosts, random: Random) -> Cuts:
    """One server and one client on one side, all others on the other."""
    fewer = {random.choice(hosts.servers), random.choice(hosts.clients)}
    return apart(fewer, set(hosts.everyone) - fewer)


def server_alone(hosts: Hosts, random: Random) -> Cuts:
    """One server hears nobody, and nobody hears it."""
    one = random.choice(hosts.servers)
    return apart({one}, set(hosts.everyone) - {one})


def servers_from_each_other(hosts: Hosts, random: Random) -> Cuts:
    """One server is cut off from the others, and clients hear all of them."""
    one = random.choice(hosts.servers)
    return apart({one}, set(hosts.servers) - {one})


def bridge(hosts: Hosts, random: Random) -> Cuts:
    """A and C do not hear each other, B and the clients hear both."""
    one, two, *_ = random.sample(hosts.servers, len(hosts.servers))
    return apart({one}, {two})


def not_heard(hosts: Hosts, random: Random) -> Cuts:
    """What one server sends reaches nobody; it hears all."""
    one = random.choice(hosts.servers)
    return frozenset((one, other) for other in hosts.everyone if other != one)


def hears_nothing(hosts: Hosts, random: Random) -> Cuts:
    """Nothing reaches one server; all hear it."""
    one = random.choice(hosts.servers)
    return frozenset((other, one) for other in hosts.everyone if other != one)


def client_alone(hosts: Hosts, random: Random) -> Cuts:
    """One client hears nobody, and nobody hears it."""
    one = random.choice(hosts.clients)
    return apart({one}, set(hosts.everyone) - {one})


Split = Callable[[Hosts, Random], Cuts]
SPLITS: tuple[Split, ...] = (
    halves,
    server_alone,
    servers_from_each_other,
    bridge,
    not_heard,
    hears_nothing,
    client_alone,
)
