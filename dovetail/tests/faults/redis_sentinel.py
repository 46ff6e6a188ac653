"""A master with replicas, and the sentinels that watch them."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from dovetail.testing.conformance.waiting import until
from dovetail.testing.servers import RedisServer
from dovetail.testing.servers.process import ServerMissing

from .redis_cli import redis_cli

MASTER = "main"
#: A master that is silent for so long is taken for dead.
DOWN_MILLISECONDS = 500


class Sentinel(RedisServer):
    """`redis-server --sentinel` watching one master; it keeps what it finds out in its own file."""

    def __init__(self, watched: RedisServer, quorum: int, settings: Mapping[str, str]) -> None:
        super().__init__(settings=settings)
        self._watched = watched
        self._quorum = quorum

    @property
    def file(self) -> Path:
        return self.folder / "sentinel.conf"

    async def _prepare(self) -> None:
        if self.file.exists():
            return
        lines = [
            f"bind {self.host}",
            f"port {self.port}",
            f"dir {self.folder}",
            f"sentinel monitor {MASTER} {self._watched.host} {self._watched.port} {self._quorum}",
            f"sentinel down-after-milliseconds {MASTER} {DOWN_MILLISECONDS}",
            f"sentinel failover-timeout {MASTER} 2000",
            *(f"{name} {value}" for name, value in self.settings.items()),
        ]
        self.file.write_text("\n".join(lines) + "\n")

    def _command(self) -> list[str]:
        program = shutil.which("redis-server")
        if program is None:
            raise ServerMissing("Redis was not found; on Debian: apt-get install redis-server")
        return [program, str(self.file), "--sentinel"]

    async def _is_ready(self) -> bool:
        return "Sentinel ID is" in self.log.read_text(errors="replace")


@dataclass
class Watched:
    """`servers` begins with the first master."""

    servers: list[RedisServer]
    sentinels: list[Sentinel]

    @property
    def url(self) -> str:
        """The address of the master, wherever that is."""
        hosts = ",".join(f"{one.host}:{one.port}" for one in self.sentinels)
        return f"redis+sentinel://{hosts}/{MASTER}"

    async def has_copied(self) -> None:
        """Return when every replica has all that the first master has confirmed."""
        replicas = str(len(self.servers) - 1)
        assert await redis_cli(self.servers[0], "WAIT", replicas, "10000") == replicas


@asynccontextmanager
async def watched(
    replicas: int,
    sentinels: int,
    *,
    settings: Mapping[str, str] | None = None,
    sentinel_settings: Mapping[str, str] | None = None,
) -> AsyncIterator[Watched]:
    """All of them run, and know of each other."""
    async with AsyncExitStack() as stack:
        master = await stack.enter_async_context(RedisServer(settings=settings))
        servers = [master]
        for _ in range(replicas):
            own = {**(settings or {}), "replicaof": f"{master.host} {master.port}"}
            servers.append(await stack.enter_async_context(RedisServer(settings=own)))
        # Sentinels ask a master for its replicas when they begin, and then every ten seconds.
        await until(lambda: _has_replicas(master, replicas), "the replicas follow")
        quorum = sentinels // 2 + 1
        watching = [Sentinel(master, quorum, sentinel_settings or {}) for _ in range(sentinels)]
        for one in watching:
            await stack.enter_async_context(one)
        made = Watched(servers, watching)
        await until(lambda: _know_each_other(made), "the sentinels know of everybody")
        yield made


async def _has_replicas(master: RedisServer, count: int) -> bool:
    if not count:
        return True
    return (await redis_cli(master, "INFO", "replication")).count("state=online") == count


async def _know_each_other(made: Watched) -> bool:
    replicas, others = len(made.servers) - 1, len(made.sentinels) - 1
    if not replicas:
        return True
    for one in made.sentinels:
        words = (await redis_cli(one, "SENTINEL", "MASTER", MASTER)).split("\n")
        said = dict(zip(words[::2], words[1::2], strict=True))
        if (said["num-slaves"], said["num-other-sentinels"]) != (str(replicas), str(others)):
            return False
    return True
