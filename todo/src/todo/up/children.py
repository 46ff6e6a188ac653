"""The child processes of `todo up`: those of its plan, and those that `todo scale` adds."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

from todo.components import WRONG
from todo.up.child import Child, Ending
from todo.up.instances import Instance
from todo.up.output import Output

log = logging.getLogger("todo.up")

#: The environment that an instance is started with.
EnvironmentOf = Callable[[Instance], Mapping[str, str]]


class Children:
    """Starts children, keeps them running, and ends them.

    Those of the plan are required: where one of them is configured wrongly, `over` is set.
    """

    def __init__(self, environment: EnvironmentOf, output: Output) -> None:
        self.over = asyncio.Event()
        self.stopping = False
        self._environment = environment
        self._output = output
        #: In the order of their starting.
        self._running: dict[Child, asyncio.Task[Ending]] = {}
        self._required: set[Child] = set()

    def __iter__(self) -> Iterator[Child]:
        return iter(list(self._running))

    def of(self, component: str) -> list[Child]:
        """Those that run it, the oldest first."""
        return [one for one in self._running if one.instance.component == component]

    def start(self, instances: Iterable[Instance], *, required: bool = False) -> list[Child]:
        """Begin to start these; each tells by `started` when it is. Raises what `environment` does."""
        children = [Child(one, self._environment(one), self._output) for one in instances]
        for child in children:
            self._output.add(child.instance.name)
            task = asyncio.create_task(child.keep_running(), name=child.instance.name)
            self._running[child] = task
            if required:
                self._required.add(child)
            task.add_done_callback(partial(self._on_end, child))
        return children

    async def end(self, children: Iterable[Child]) -> None:
        """Let these drain and end, all at once; it is no concern how they do."""
        leaving = list(children)
        self._required.difference_update(leaving)
        await asyncio.gather(*(child.stop() for child in leaving))
        for child in leaving:
            self._running.pop(child, None)

    async def stop(self) -> list[Ending]:
        """End all; how those ended that are required."""
        self.stopping = True
        required = [task for child, task in self._running.items() if child in self._required]
        await asyncio.gather(*(child.stop() for child in self._running))
        return await asyncio.gather(*required)

    def kill(self) -> None:
        """SIGKILL to all that still run."""
        for child in self._running:
            child.signal(signal.SIGKILL)

    def _on_end(self, child: Child, task: asyncio.Task[Ending]) -> None:
        if task.cancelled():
            return
        if task.exception():  # a mistake of ours: `stop` raises it
            self._required.add(child)
        if child in self._required:
            self.over.set()
        elif _is_final(task.result()) and not child.stopping:
            del self._running[child]
            log.error(
                "%s cannot run, and is not started again: %s",
                child.instance.name,
                task.result().last_words,
            )


def _is_final(ending: Ending) -> bool:
    """Whether starting it again would not help."""
    return ending.status == WRONG or ending.hopeless
