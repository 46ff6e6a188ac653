"""Says that everything runs, once it answers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping

from dovetail.embedded import EmbeddedServer
from todo.components import API, WEB
from todo.queue_address import queue_url
from todo.settings import Settings
from todo.up.banner import Running, banner
from todo.up.output import Output
from todo.up.plan import Plan

log = logging.getLogger("todo.up")

#: Between two looks whether a server answers.
_LOOK_SECONDS = 0.03


class Announcement:
    """Where everything is, for a person; begins to count the time when it is made."""

    def __init__(self, settings: Settings, plan: Plan, output: Output) -> None:
        self._settings = settings
        self._plan = plan
        self._output = output
        self._started = time.monotonic()

    async def make(
        self, queue: EmbeddedServer | None, metrics_ports: Mapping[str, int], *, scalable: bool
    ) -> None:
        """Wait for what is to answer, and say where it is. `queue`: the one that is ours."""
        settings = self._settings
        if self._plan.has(WEB):
            await _until_it_answers(settings.web_host, settings.web_port)
        if self._plan.has(API):
            await _until_it_answers(settings.api_host, settings.api_port)
        if settings.log_format == "json":
            log.info("everything runs")
            return
        running = Running(
            self._plan,
            settings,
            monitor_port=queue.monitor_port if queue else None,
            queue_url=queue.url if queue else await queue_url(settings),
            seconds=time.monotonic() - self._started,
            scalable=scalable,
            metrics_ports=metrics_ports,
        )
        self._output.plain(banner(running))


async def _until_it_answers(host: str, port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(_LOOK_SECONDS)
        else:
            writer.close()
            return
