"""Three real RabbitMQ nodes, as one cluster."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

from dovetail.testing.servers.process import LIMIT_SECONDS, ServerFailed
from dovetail.testing.servers.rabbitmq import PortMapper, RabbitServer

_LOOK_SECONDS = 0.2
#: What was to come back to a queue that just lost its leader is tried again after so many milliseconds; by
#: default after three minutes.
_ADVANCED = "[{rabbit, [{dead_letter_worker_publisher_confirm_timeout, 2000}]}].\n"


class RabbitCluster:
    """`size` nodes that replicate queues among them, each to be stopped, killed and started again.

    An async context manager that has started when all nodes have joined. `settings` are those of each node's
    rabbitmq.conf.
    """

    def __init__(self, *, size: int = 3, settings: Mapping[str, str] | None = None) -> None:
        mapper, cookie = PortMapper(), secrets.token_hex(16)
        settings = {"cluster_partition_handling": "pause_minority", **(settings or {})}
        self.servers: list[RabbitServer] = [_Node(mapper, cookie, settings) for _ in range(size)]
        # All join the first: nodes that begin at once, each asking the others, may found two clusters.
        for server in self.servers:
            server.settings |= _found_at({self.servers[0].node: None, server.node: None})
        self._stack = AsyncExitStack()

    @property
    def url(self) -> str:
        """The address of all of them, for a client that goes to another one when its own is gone."""
        login = self.servers[0].login
        return f"amqp://{login}@" + ",".join(f"{one.host}:{one.port}" for one in self.servers)

    async def __aenter__(self) -> Self:
        first, *others = self.servers
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(first)
            await asyncio.gather(*(stack.enter_async_context(one) for one in others))
            await first.control("await_online_nodes", str(len(self.servers)))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Together, before the first to leave takes the port mapper with it.
        await asyncio.gather(*(one.stop() for one in self.servers))
        await self._stack.aclose()

    async def mend(self) -> None:
        """All run and are `ready`, whatever a test that failed has left behind."""
        for server in self.servers:
            server.resume()
        await asyncio.gather(*(one.start() for one in self.servers if not one.running))
        await self.ready()

    async def ready(self) -> None:
        """Return when each queue and stream has all its replicas running. Raises ServerFailed."""
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                while await self._missing():  # noqa: ASYNC110 - it has no signal
                    await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError as error:
            raise ServerFailed("some queues of the cluster have too few replicas") from error

    async def _missing(self) -> bool:
        return any(len(one["online"]) < len(one["members"]) for one in await self.queues())

    async def queues(self) -> list[dict[str, Any]]:
        """The replicated queues and streams: name, type, leader, members, and which of them are online."""
        server = next(one for one in self.servers if one.running)
        columns = ("name", "type", "leader", "members", "online")
        said = await server.control("list_queues", "--formatter", "json", *columns)
        found: list[dict[str, Any]] = json.loads(said)
        return [one for one in found if one["type"] in ("quorum", "stream")]


class _Node(RabbitServer):
    """One that others let in: they have the same cookie, and find it by the same port mapper."""

    def __init__(self, mapper: PortMapper, cookie: str, settings: Mapping[str, str]) -> None:
        super().__init__(settings=settings)
        self.mapper = mapper
        self._cookie = cookie

    async def _prepare(self) -> None:
        file = self.folder / ".erlang.cookie"
        if not file.exists():
            file.write_text(self._cookie)
            file.chmod(0o400)
        (self.folder / "advanced.config").write_text(_ADVANCED)
        await super()._prepare()

    def _environment(self) -> dict[str, str]:
        advanced = f"{self.folder}/advanced.config"
        return super()._environment() | {"RABBITMQ_ADVANCED_CONFIG_FILE": advanced}


def _found_at(nodes: Mapping[str, None]) -> dict[str, str]:
    """The settings of a node that looks for its cluster there when it starts for the first time."""
    names = {
        f"cluster_formation.classic_config.nodes.{number}": node
        for number, node in enumerate(nodes, 1)
    }
    return {"cluster_formation.peer_discovery_backend": "classic_config"} | names
