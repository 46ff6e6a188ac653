"""The application in containers of its own, beside whatever else runs on this engine."""

from __future__ import annotations

import asyncio
import os
import uuid
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import msgspec

from dovetail.embedded.ports import free_port

DEPLOY = Path(__file__).parents[3] / "deploy"
#: The tag of the images that are tested.
VERSION = os.environ.get("TODO_VERSION", "trial")
#: Every overlay that adds containers, so that all of them are removed.
ADDING = ("audit", "api", "lab", "search", "calendar", "webhook")


class Failed(Exception):
    """A command ended with another status than 0; the text is what it said."""


async def run(*command: str, settings: dict[str, str] | None = None, limit: float = 120) -> str:
    """Run a command in deploy/; what it wrote to stdout. Raises Failed with all that it said."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=DEPLOY,
        env={**os.environ, **(settings or {})},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(limit):
            out, error = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise Failed((out + error).decode(errors="replace"))
    return out.decode(errors="replace")


async def inspect(kind: Literal["image", "container"], name: str) -> dict[str, Any]:
    """What the engine knows of it."""
    found: list[dict[str, Any]] = msgspec.json.decode(await run("docker", kind, "inspect", name))
    return found[0]


class Compose:
    """`docker-compose` with a project, a network and ports of its own; leaving it removes everything."""

    def __init__(self, *overlays: str | Path, **settings: str) -> None:
        self.project = f"trial{uuid.uuid4().hex[:8]}"
        self.network = f"{self.project}-net"
        #: Each the name of one, as in docker-compose-NAME.yml, or a file.
        self.overlays = list(overlays)
        #: Containers that a test started beside Compose.
        self.others: list[str] = []
        self.settings = {
            "COMPOSE_PROJECT_NAME": self.project,
            "TODO_NETWORK": self.network,
            "TODO_VERSION": VERSION,
            "TODO_WEB_PORT": str(free_port()),
            "TODO_API_PORT": str(free_port()),
            "TODO_QUEUE_MONITOR_PORT": str(free_port()),
            **settings,
        }

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.others:
            await run("docker", "rm", "--force", *self.others)
        self.overlays = [*self.overlays, *ADDING]
        await self("down", "--volumes", "--remove-orphans", "--timeout", "2")

    async def __call__(self, *arguments: str, limit: float = 120) -> str:
        """`docker-compose …` with the overlays; what it wrote to stdout. Raises Failed."""
        files = ["docker-compose.yml"]
        for one in dict.fromkeys(self.overlays):
            files.append(str(one) if isinstance(one, Path) else f"docker-compose-{one}.yml")
        options = [part for file in files for part in ("-f", file)]
        return await run(
            "docker-compose", *options, *arguments, settings=self.settings, limit=limit
        )

    async def containers(self, service: str = "") -> dict[str, str]:
        """The ids of the containers that run, by their names; of one service where it is named."""
        filters = [f"label=com.docker.compose.project={self.project}"]
        filters += [f"label=com.docker.compose.service={service}"] * bool(service)
        options = [part for one in filters for part in ("--filter", one)]
        lines = await run("docker", "ps", "--no-trunc", "--format", "{{.Names}} {{.ID}}", *options)
        return dict(line.split(" ", 1) for line in lines.splitlines())

    async def sql(self, statement: str) -> str:
        """What PostgreSQL answers, without heading and spaces."""
        command = ["exec", "-T", "todo-db", "psql", "-U", "todo", "-t", "-A", "-c", statement]
        return (await self(*command)).strip()

    async def texts(self) -> list[str]:
        """The texts of all items in the database."""
        return (await self.sql("SELECT item FROM todos")).splitlines()

    async def tool(self, *command: str) -> str:
        """What our image with the tools says to a command such as `dovetail status …`."""
        image = f"dovetail-todo/tools:{VERSION}"
        return await run("docker", "run", "--rm", "--network", self.network, image, *command)

    @property
    def web_url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.settings['TODO_WEB_PORT']}"

    @property
    def api_url(self) -> str:
        """Where the API is."""
        return f"http://127.0.0.1:{self.settings['TODO_API_PORT']}"
