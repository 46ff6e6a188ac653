"""The queues that are tested, one class for each setting."""

from __future__ import annotations

import asyncio
import json
import re
from abc import abstractmethod
from pathlib import Path

from benchmarks.power.load import Load
from benchmarks.power.messages import MessageLoad
from benchmarks.power.tested import Tested
from dovetail import connect
from dovetail.testing.servers import (
    NatsCluster,
    NatsServer,
    RabbitServer,
    RedisServer,
    Server,
    ServerFailed,
)

#: A node of a cluster that is not well after so long is left as it is: what the others do is to be seen.
WELL_SECONDS = 20.0


class OneServer(Tested):
    """A server alone."""

    def __init__(self, folders: list[Path]) -> None:
        super().__init__(folders)
        self.server = self.make(folders[0])

    @abstractmethod
    def make(self, folder: Path) -> Server:
        """With its store in the folder; what else it has is elsewhere."""

    async def version(self) -> str:
        return await version_of(self.server.url)

    async def start(self) -> None:
        await self.server.start()

    async def kill(self, which: list[int]) -> None:
        await self.server.kill()

    def load(self) -> Load:
        return MessageLoad(self.server.url)

    async def close(self) -> None:
        await self.server.__aexit__(None, None, None)


async def version_of(url: str) -> str:
    """Of the server at this address."""
    async with connect(url) as queue:
        return (await queue.status()).server


def _store(folder: Path, sync: str) -> str:
    return f"jetstream {{ store_dir: {json.dumps(str(folder))}, sync_interval: {sync} }}"


class NatsAlways(OneServer):
    """NATS, sync_interval always"""

    def make(self, folder: Path) -> Server:
        return NatsServer(config=_store(folder, "always"))


class NatsSecond(OneServer):
    """NATS, sync_interval 1s"""

    def make(self, folder: Path) -> Server:
        return NatsServer(config=_store(folder, "1s"))


class NatsDefault(OneServer):
    """NATS, sync_interval as it comes (2m)"""

    def make(self, folder: Path) -> Server:
        return NatsServer(config=_store(folder, "2m"))


class NatsThree(Tested):
    """Three NATS nodes, replicas 3, sync_interval always, all lose power"""

    disks = cut_off = 3
    sync = "always"

    def __init__(self, folders: list[Path]) -> None:
        super().__init__(folders)
        self._said: list[str] = []
        self._cluster = NatsCluster()
        for server, folder in zip(self._cluster.servers, folders, strict=True):
            server.config += "\n" + _store(folder, self.sync)

    async def version(self) -> str:
        return await version_of(self._cluster.url)

    async def start(self) -> None:
        try:
            await self._cluster.mend(WELL_SECONDS)
        except ServerFailed as error:
            self._said.append(re.sub(r"test-\d+", "…", str(error)))

    async def kill(self, which: list[int]) -> None:
        await asyncio.gather(*(self._cluster.servers[one].kill() for one in which))

    def load(self) -> Load:
        return MessageLoad(self._cluster.url, replicas=3)

    def said(self) -> list[str]:
        return self._said

    async def close(self) -> None:
        for one in self._cluster.servers:
            await one.__aexit__(None, None, None)


class NatsThreeDefault(NatsThree):
    """Three NATS nodes, replicas 3, sync_interval as it comes (2m), all lose power"""

    sync = "2m"


class NatsOneOfThree(NatsThree):
    """Three NATS nodes, replicas 3, sync_interval as it comes (2m), one loses power"""

    sync = "2m"
    cut_off = 1


class NatsOneOfThreeAlways(NatsThree):
    """Three NATS nodes, replicas 3, sync_interval always, one loses power"""

    cut_off = 1


class RedisAlways(OneServer):
    """Redis, appendfsync always"""

    appendfsync = "always"

    def make(self, folder: Path) -> Server:
        return RedisServer(settings={"dir": str(folder), "appendfsync": self.appendfsync})


class RedisEverysec(RedisAlways):
    """Redis, appendfsync everysec"""

    appendfsync = "everysec"


class Rabbit(OneServer):
    """RabbitMQ, quorum queues and streams"""

    def make(self, folder: Path) -> Server:
        server = RabbitServer()
        (server.folder / "store").symlink_to(folder)
        return server


#: Each setting by its short name.
QUEUES: dict[str, type[Tested]] = {
    "nats-always": NatsAlways,
    "nats-1s": NatsSecond,
    "nats-default": NatsDefault,
    "nats-3-always": NatsThree,
    "nats-3-default": NatsThreeDefault,
    "nats-1-of-3-always": NatsOneOfThreeAlways,
    "nats-1-of-3-default": NatsOneOfThree,
    "redis-always": RedisAlways,
    "redis-everysec": RedisEverysec,
    "rabbitmq": Rabbit,
}
