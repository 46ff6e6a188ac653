"""Runs a plan: the queue first, then the children, and all the way back."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import time
from collections.abc import Awaitable

from dovetail.embedded import EmbeddedServer, SettingNames
from todo.components import API, WEB, WRONG
from todo.joining import embedded_folder, queue_url
from todo.process import CannotRun
from todo.settings import Settings, environment_for_children
from todo.up.banner import Running, banner
from todo.up.child import Child, Ending
from todo.up.metrics_ports import MetricsPorts
from todo.up.output import Output
from todo.up.plan import Plan

log = logging.getLogger("todo.up")

#: Between two looks whether a server answers.
_LOOK_SECONDS = 0.03
_NAMES = SettingNames("TODO_DATA_DIR", "TODO_QUEUE_PORT", "TODO_QUEUE_MONITOR_PORT")


class AlreadyRunning(CannotRun):
    """Another process runs the queue of this data folder."""


class Application:
    """What `todo up` runs. `run` may be called once."""

    def __init__(self, settings: Settings, plan: Plan, output: Output) -> None:
        self.settings = settings
        self.plan = plan
        self._output = output
        self._started = time.monotonic()
        self._told_to_stop = asyncio.Event()
        self._children: list[Child] = []
        self._queue: EmbeddedServer | None = None
        self._metrics_ports = MetricsPorts(settings)

    async def run(self) -> int:
        """Run until SIGTERM or Ctrl-C, or until a child is configured wrongly; the exit status."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:  # as nohup has it
                loop.add_signal_handler(number, self._on_signal)
        try:
            if not self.plan.queue or await self._unless_told_to_stop(self._start_queue()):
                return await self._run_children()
            return 0
        finally:
            if self._queue is not None:
                await self._queue.stop()

    def _on_signal(self) -> None:
        if self._told_to_stop.is_set():
            for child in self._children:
                child.signal(signal.SIGKILL)
        self._told_to_stop.set()

    async def _unless_told_to_stop(self, work: Awaitable[None]) -> bool:
        """Do the work, and give it up when told to stop; whether it was done."""
        task = asyncio.ensure_future(work)
        stop = asyncio.create_task(self._told_to_stop.wait())
        await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
            return False
        task.result()
        return True

    async def _start_queue(self) -> None:
        settings = self.settings
        folder = embedded_folder(settings)
        assert folder is not None
        self._queue = EmbeddedServer(
            folder, settings.queue_port, settings.queue_monitor_port, names=_NAMES
        )
        await self._queue.start()
        if self._queue.joined:
            raise AlreadyRunning(
                f"the queue of the data folder {folder} runs already, at {self._queue.url}: another "
                "`todo up` has it. To add to that, use `todo run COMPONENT`, or "
                "`todo up --only COMPONENT`; to have a second one, set another TODO_DATA_DIR"
            )

    async def _run_children(self) -> int:
        environment = environment_for_children(self._queue.url if self._queue else None)
        self._children = [
            Child(one, environment | self._metrics_ports.environment(one.name), self._output)
            for one in self.plan.instances
        ]
        endings = [asyncio.create_task(child.keep_running()) for child in self._children]
        announcing = asyncio.create_task(self._announce())
        stop = asyncio.create_task(self._told_to_stop.wait())
        try:
            await asyncio.wait({stop, *endings}, return_when=asyncio.FIRST_COMPLETED)
            if self._told_to_stop.is_set():
                log.info("stopping; Ctrl-C again ends everything at once")
        finally:
            announcing.cancel()
            stop.cancel()
            self._told_to_stop.set()
            await asyncio.gather(*(child.stop() for child in self._children))
            await asyncio.gather(announcing, return_exceptions=True)
        return _status([await ending for ending in endings])

    async def _announce(self) -> None:
        """Say where everything is once it answers."""
        settings = self.settings
        if self.plan.has(WEB):
            await _until_it_answers(settings.web_host, settings.web_port)
        if self.plan.has(API):
            await _until_it_answers(settings.api_host, settings.api_port)
        if settings.log_format == "json":
            log.info("everything runs")
            return
        monitor_port = self._queue.monitor_port if self._queue else None
        address = self._queue.url if self._queue else await queue_url(settings)
        seconds = time.monotonic() - self._started
        ports = self._metrics_ports.taken
        running = Running(self.plan, settings, monitor_port, address, seconds, ports)
        self._output.plain(banner(running))


def _status(endings: list[Ending]) -> int:
    """0, or that of the first child that is configured wrongly, with its words."""
    for ending in endings:
        if ending.status == WRONG:
            print(f"{ending.name} cannot run: {ending.last_words}", file=sys.stderr)  # noqa: T201
            return WRONG
    return 0


async def _until_it_answers(host: str, port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(_LOOK_SECONDS)
        else:
            writer.close()
            return
