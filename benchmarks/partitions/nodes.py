"""Servers that run on a host of a network. Ports are the usual ones, since each has its host to itself."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.partitions.network import Host
from dovetail.embedded.child import dies_with_parent
from dovetail.testing.servers import NatsServer, RabbitServer, RedisServer, Server, ServerMissing
from dovetail.testing.servers.rabbitmq import PortMapper

#: Who may use RabbitMQ from another host; its own guest may not.
LOGIN = "split:split"
#: Seconds after which a RabbitMQ node that is not heard is taken for gone, at least; a minute unless set.
TICK_SECONDS = 8
#: Milliseconds after which a Sentinel takes a silent master for gone, and until it may try again to promote.
DOWN_MS, FAILOVER_MS = 2000, 6000
SENTINEL_PORT = 26379
#: What the Sentinels call their master.
MASTER = "queue"
_ADVANCED = "[{rabbit, [{dead_letter_worker_publisher_confirm_timeout, 2000}]}].\n"


class NatsNode(NatsServer):
    """One of a NATS cluster."""

    def __init__(self, host: Host, others: Sequence[Host]) -> None:
        routes = ", ".join(f"nats://{one.address}:6222" for one in others)
        cluster = f"name: split, listen: {host.address}:6222, routes: [{routes}]"
        super().__init__(port=4222, config=f"cluster {{ {cluster} }}")
        self._on = host
        self.host, self.monitor_port, self.name = host.address, 8222, host.name

    def _command(self) -> list[str]:
        return self._on.command(*super()._command())

    async def _is_ready(self) -> bool:
        said = self.log.read_text()
        return any(f"new {words}metadata leader" in said for words in ("", "JetStream cluster "))


class RedisNode(RedisServer):
    """A Redis server that Sentinels can make a replica, or the master."""

    def __init__(self, host: Host, settings: Mapping[str, str], master: Host | None = None) -> None:
        of = {"replicaof": f"{master.address} 6379"} if master else {}
        own = {"protected-mode": "no", "repl-diskless-sync-delay": "0"}
        super().__init__(port=6379, settings=own | of | dict(settings))
        self._on = host
        self.host = host.address
        self._said = "sync: Finished with success" if master else "Ready to accept connections"

    def _command(self) -> list[str]:
        return self._on.command(*super()._command())

    async def _is_ready(self) -> bool:
        return self._said in self.log.read_text()


class Sentinel(Server):
    """One of those that watch the master, and promote its replica when most of them miss it."""

    def __init__(self, host: Host, master: Host) -> None:
        super().__init__(port=SENTINEL_PORT)
        self._on = host
        self.host = host.address
        self._master = master.address

    @property
    def url(self) -> str:
        return f"redis://{self.host}:{self.port}"

    async def _prepare(self) -> None:
        (self.folder / "sentinel.conf").write_text(
            f"port {self.port}\n"
            f"bind {self.host}\n"
            "protected-mode no\n"
            f"dir {self.folder}\n"
            f"sentinel monitor {MASTER} {self._master} 6379 2\n"
            f"sentinel down-after-milliseconds {MASTER} {DOWN_MS}\n"
            f"sentinel failover-timeout {MASTER} {FAILOVER_MS}\n"
        )

    def _command(self) -> list[str]:
        if (program := shutil.which("redis-server")) is None:
            raise ServerMissing("Redis was not found; on Debian: apt-get install redis-server")
        return self._on.command(program, str(self.folder / "sentinel.conf"), "--sentinel")

    async def _is_ready(self) -> bool:
        """It has found the replica and both other Sentinels."""
        said = self.log.read_text()
        return "+slave slave" in said and said.count("+sentinel sentinel") >= 2


class RabbitNode(RabbitServer):
    """One of a RabbitMQ cluster that all join at its first node."""

    def __init__(self, host: Host, first: Host, cookie: str) -> None:
        settings = {
            "cluster_partition_handling": "pause_minority",
            "cluster_formation.peer_discovery_backend": "classic_config",
            "cluster_formation.classic_config.nodes.1": _node(first),
            "net_ticktime": str(TICK_SECONDS),
            "loopback_users": "none",
        }
        if host is not first:
            settings["cluster_formation.classic_config.nodes.2"] = _node(host)
        super().__init__(port=5672, settings=settings, login=LOGIN)
        self._on = host
        self._cookie = cookie
        self.host, self.node, self.mapper = host.address, _node(host), _Mapper(host)

    async def _prepare(self) -> None:
        file = self.folder / ".erlang.cookie"
        file.write_text(self._cookie)
        file.chmod(0o400)
        (self.folder / "advanced.config").write_text(_ADVANCED)
        await super()._prepare()

    def _environment(self) -> dict[str, str]:
        return super()._environment() | {
            "RABBITMQ_ADVANCED_CONFIG_FILE": f"{self.folder}/advanced.config",
            "RABBITMQ_USE_LONGNAME": "true",
        }

    def _command(self) -> list[str]:
        return self._on.command(*super()._command())


class _Mapper(PortMapper):
    """Erlang's port mapper on a host: there the usual port is free, and others ask for it."""

    def __init__(self, host: Host) -> None:
        super().__init__()
        self.port = 4369
        self._on = host

    def start(self) -> None:
        if self._process is not None:
            return
        self._process = subprocess.Popen(
            self._on.command(_port_mapper(), "-port", str(self.port)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=dies_with_parent(),  # noqa: PLW1509 - it takes no lock
        )


def _port_mapper() -> str:
    if (found := shutil.which("epmd")) is None:
        raise ServerMissing("epmd was not found; on Debian: apt-get install rabbitmq-server")
    return str(Path(found))


def _node(host: Host) -> str:
    return f"dovetail@{host.address}"
