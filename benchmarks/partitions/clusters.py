"""The clusters that are cut apart, each with three servers, one a host."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from benchmarks.partitions.network import Host
from benchmarks.partitions.nodes import (
    LOGIN,
    MASTER,
    SENTINEL_PORT,
    NatsNode,
    RabbitNode,
    RedisNode,
    Sentinel,
)
from dovetail.testing.servers import Server


@dataclass(frozen=True)
class Cluster:
    """Servers that run, by their hosts' names."""

    address: str
    #: For `connect`.
    replicas: int
    servers: dict[str, list[Server]]


Started = AbstractAsyncContextManager[Cluster]


@asynccontextmanager
async def nats(hosts: Sequence[Host]) -> AsyncIterator[Cluster]:
    """Three NATS servers with JetStream."""
    servers = [NatsNode(host, hosts) for host in hosts]
    async with _all(servers):
        address = "nats://" + ",".join(f"{host.address}:4222" for host in hosts)
        yield Cluster(address, 3, _by_host(hosts, servers))


@asynccontextmanager
async def rabbitmq(hosts: Sequence[Host]) -> AsyncIterator[Cluster]:
    """Three RabbitMQ nodes, which pause where they are the fewer."""
    cookie = secrets.token_hex(16)
    servers = [RabbitNode(host, hosts[0], cookie) for host in hosts]
    async with _all(servers[:1]), _all(servers[1:]):
        address = f"amqp://{LOGIN}@" + ",".join(f"{host.address}:5672" for host in hosts)
        yield Cluster(address, 3, _by_host(hosts, servers))


@asynccontextmanager
async def redis(
    hosts: Sequence[Host], *, by_sentinels: bool = False, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Cluster]:
    """A Redis master, its replica, and three Sentinels, one of them on a host of its own.

    Clients have the addresses of both servers, or those of the Sentinels.
    """
    master, replica, _ = hosts
    pair = [RedisNode(master, settings or {}), RedisNode(replica, settings or {}, master)]
    watching = [Sentinel(host, master) for host in hosts]
    async with _all(pair[:1]), _all(pair[1:]), _all(watching):
        address = f"redis://{master.address}:6379,{replica.address}:6379"
        if by_sentinels:
            named = ",".join(f"{host.address}:{SENTINEL_PORT}" for host in hosts)
            address = f"redis+sentinel://{named}/{MASTER}"
        servers = _by_host(hosts, watching)
        for server in pair:
            servers[next(one.name for one in hosts if one.address == server.host)].append(server)
        yield Cluster(address, 1, servers)


#: The master takes nothing while it has not heard of its replica for two seconds.
_WITH_REPLICA = {"min-replicas-to-write": "1", "min-replicas-max-lag": "2"}

CLUSTERS: dict[str, Callable[[Sequence[Host]], Started]] = {
    "nats": nats,
    "redis": redis,
    "redis-min-replicas": partial(redis, settings=_WITH_REPLICA),
    "redis-sentinel": partial(redis, by_sentinels=True),
    "redis-sentinel-min-replicas": partial(redis, settings=_WITH_REPLICA, by_sentinels=True),
    "rabbitmq": rabbitmq,
}


@asynccontextmanager
async def _all(servers: Sequence[Server]) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        await asyncio.gather(*(stack.enter_async_context(one) for one in servers))
        yield


def _by_host(hosts: Sequence[Host], servers: Sequence[Server]) -> dict[str, list[Server]]:
    return {host.name: [server] for host, server in zip(hosts, servers, strict=True)}
