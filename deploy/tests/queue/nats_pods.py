"""The three NATS servers of deploy/kubernetes/message-queue as processes of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import urllib.request
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from dovetail.embedded.binary import find_server
from dovetail.embedded.ports import free_port
from dovetail.testing.servers import Server

FILES = Path(__file__).parents[2] / "kubernetes" / "message-queue"
PASSWORD = "12e4-a_made-up-password"  # begins as a number would
#: What terminationGracePeriodSeconds says.
GRACE_SECONDS = 60
#: What its probes ask (statefulset.yaml).
STARTED, READY, ALIVE = (
    "/healthz",
    "/healthz?js-server-only=true",
    "/healthz?js-enabled-only=true",
)


class Pod(Server):
    """One of them, started by start.sh with nats.conf: only paths and ports are this machine's."""

    def __init__(self, name: str, routes: list[int], number: int) -> None:
        super().__init__()
        self.name = name
        self.monitor_port = free_port()
        self.routes = routes
        self._paths = {"/run/secrets": "", "/etc/nats": "", "/run/nats": "", "/data": "store"}
        self._ports = {4222: self.port, 8222: self.monitor_port, 6222: routes[number]}

    @property
    def url(self) -> str:
        return f"nats://todo:{PASSWORD}@{self.host}:{self.port}"

    async def _prepare(self) -> None:
        for name in ("nats.conf", "start.sh"):
            text = (FILES / name).read_text()
            for path, here in self._paths.items():
                text = text.replace(f" {path}", f" {self.folder / here}")
                text = text.replace(f"={path}", f"={self.folder / here}")
            for port, ours in self._ports.items():
                text = text.replace(f"port: {port}", f"port: {ours}")
            (self.folder / name).write_text(text)
        if not (secret := self.folder / "todo_queue_password").exists():
            secret.write_text(f"{PASSWORD}\n")

    def _command(self) -> list[str]:
        return ["sh", str(self.folder / "start.sh")]

    def _environment(self) -> dict[str, str]:
        hosts = " ".join(f"{self.host}:{port}" for port in self.routes)
        path = f"{find_server().parent}:{os.environ['PATH']}"
        return {"PATH": path, "POD_NAME": self.name, "ROUTE_HOSTS": hosts}

    async def _is_ready(self) -> bool:
        return await self.says_ok(ALIVE)

    async def says_ok(self, probe: str) -> bool:
        """Whether a probe succeeds."""
        with contextlib.suppress(OSError):
            return await asyncio.to_thread(self._asked, probe)
        return False

    def _asked(self, probe: str) -> bool:
        url = f"http://{self.host}:{self.monitor_port}{probe}"
        with urllib.request.urlopen(url, timeout=1) as answer:
            return bool(answer.status == 200)

    async def evict(self) -> None:
        """End it as Kubernetes does: the preStop command, then SIGTERM; and wait until it has."""
        pid_file = self.folder / "nats.pid"
        told = await asyncio.create_subprocess_exec(find_server(), "--signal", f"ldm={pid_file}")
        assert await told.wait() == 0
        self._signal(signal.SIGTERM)
        async with asyncio.timeout(GRACE_SECONDS):
            while self.running:  # noqa: ASYNC110 - it has no signal
                await asyncio.sleep(0.05)
        await self.stop()


@asynccontextmanager
async def stateful_set() -> AsyncIterator[list[Pod]]:
    """All three, caught up with each other."""
    routes = [free_port() for _ in range(3)]
    pods = [Pod(f"message-queue-{number}", routes, number) for number in range(3)]
    async with AsyncExitStack() as stack:
        await asyncio.gather(*(stack.enter_async_context(one) for one in pods))
        await started(pods)
        yield pods


async def started(pods: list[Pod], limit: float = 60.0) -> None:
    """Wait until the startup probe of each succeeds."""
    async with asyncio.timeout(limit):
        for one in pods:
            while not await one.says_ok(STARTED):  # noqa: ASYNC110 - it has no signal
                await asyncio.sleep(0.05)
