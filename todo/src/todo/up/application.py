"""Runs a plan: starts the queue, then the children, and stops them in reverse."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections import Counter
from collections.abc import Awaitable

from dovetail import plain_error, printable
from dovetail.embedded import EmbeddedServer, SettingNames
from todo.components import SAVE_HANDLER, WITH_DATABASE, WRONG
from todo.control.server import ControlServer
from todo.control.unix_socket import ControlSocket
from todo.data_folder import keep_to_ourselves
from todo.exposure import check_exposed
from todo.port_check import check_ports
from todo.process import CannotRun
from todo.queue_address import embedded_folder
from todo.resources import check_database
from todo.settings import Settings, environment_for_children
from todo.up.announcement import Announcement
from todo.up.child import Ending
from todo.up.children import Children
from todo.up.instances import Instance
from todo.up.metrics_ports import MetricsPorts
from todo.up.output import Output
from todo.up.plan import Plan
from todo.up.scaling import Scaling

log = logging.getLogger("todo.up")

_NAMES = SettingNames(
    "TODO_DATA_DIR", "TODO_QUEUE_PORT", "TODO_QUEUE_MONITOR_PORT", "TODO_QUEUE_SYNC"
)


class AlreadyRunning(CannotRun):
    """Another process runs the queue of this data folder."""


class Application:
    """What `todo up` runs. `run` may be called once."""

    def __init__(self, settings: Settings, plan: Plan, output: Output) -> None:
        self.settings = settings
        self.plan = plan
        self._output = output
        self._announcement = Announcement(settings, plan, output)
        self._told_to_stop = asyncio.Event()
        self._children: Children | None = None
        self._queue: EmbeddedServer | None = None
        self._metrics_ports = MetricsPorts(settings)

    async def run(self) -> int:
        """Run until SIGTERM or Ctrl-C, or until a child is configured wrongly; the exit status."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:  # as nohup has it
                loop.add_signal_handler(number, self._on_signal)
        components = {one.component for one in self.plan.instances}
        check_ports(self.settings, components, queue=self.plan.queue)
        check_exposed(self.settings, components)
        if any(self.plan.has(one) for one in WITH_DATABASE):
            check_database(self.settings)
        keep_to_ourselves(self.settings)
        try:
            if not self.plan.queue or await self._unless_told_to_stop(self._start_queue()):
                return await self._run_children()
            return 0
        finally:
            if self._queue is not None:
                await self._queue.stop()

    def _on_signal(self) -> None:
        if self._told_to_stop.is_set() and self._children is not None:
            self._children.kill()
        self._told_to_stop.set()

    async def _unless_told_to_stop(self, work: Awaitable[object]) -> bool:
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
            folder,
            settings.queue_port,
            settings.queue_monitor_port,
            names=_NAMES,
            sync="always" if settings.queue_sync == "always" else None,
            open=settings.queue_open,
        )
        await self._queue.start()
        if self._queue.joined:
            raise AlreadyRunning(
                f"the queue of the data folder {folder.absolute()} runs already, at "
                f"{self._queue.shown}: another `todo up` has it. To have more handlers there, use "
                f"`todo scale {self._scale()}`; to add a component, `todo run COMPONENT`; to have a "
                "second application, set another TODO_DATA_DIR"
            )

    def _scale(self) -> str:
        """What `todo scale` would have to be told, or an example."""
        counts = Counter(one.component for one in self.plan.instances)
        several = [f"{component}={count}" for component, count in counts.items() if count > 1]
        return " ".join(several) or f"{SAVE_HANDLER}=3"

    async def _run_children(self) -> int:
        children = self._children = Children(self._environment, self._output)
        scaling = Scaling(children)
        place = ControlSocket(self.settings.data_dir, queue=self.plan.queue)
        control = ControlServer(place, scaling.listed, scaling.scale)
        children.start(self.plan.instances, required=True)
        announcing = asyncio.create_task(self._announce(control))
        try:
            await self._unless_told_to_stop(children.over.wait())
            if self._told_to_stop.is_set():
                log.info("stopping; Ctrl-C again ends everything at once")
        finally:
            announcing.cancel()
            self._told_to_stop.set()
            endings = await children.stop()
            await asyncio.gather(announcing, return_exceptions=True)
            await control.stop()
        return _status(endings)

    async def _announce(self, control: ControlServer) -> None:
        scalable = await self._listen(control)
        await self._announcement.make(self._queue, self._metrics_ports.taken, scalable=scalable)

    async def _listen(self, control: ControlServer) -> bool:
        """Listen for `todo scale`; whether it is to be told of at the start."""
        try:
            first = await control.start()
        except OSError as error:
            log.warning("`todo scale` will not work here: %s", plain_error(error))
            return False
        if not first:
            log.info("`todo scale` reaches the `todo up` that was here before, not this one")
        return first and (self.plan.queue or embedded_folder(self.settings) is None)

    def _environment(self, instance: Instance) -> dict[str, str]:
        """What this instance is started with."""
        environment = environment_for_children(self._queue.url if self._queue else None)
        return environment | self._metrics_ports.environment(instance.name)


def _status(endings: list[Ending]) -> int:
    """0, or that of the first child that is configured wrongly, with its words."""
    for ending in endings:
        if ending.status == WRONG or ending.hopeless:
            line = printable(f"{ending.name} cannot run: {ending.last_words}")
            print(line, file=sys.stderr)  # noqa: T201
            return ending.status
    return 0
