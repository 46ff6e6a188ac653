"""One child process, restarted whenever it ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from dovetail import Backoff, plain_error
from todo.components import WRONG
from todo.control.messages import InstanceState
from todo.up.instances import Instance
from todo.up.output import Output

log = logging.getLogger("todo.up")

#: Pauses before a crashed child is started again.
RESTARTS = Backoff(first=0.5, most=30.0, jitter=0)
#: A child that ran so long did not crash at its start: the pauses begin anew. Seconds.
STEADY_SECONDS = 60.0
#: A child that says so often in a row, within so many seconds, that it failed is not started again.
MOST_FAILURES, FAILURE_SECONDS = 5, 10.0
#: What a child has to end after SIGTERM: its ten seconds to drain, and some to close everything.
STOP_SECONDS = 13.0


@dataclass(frozen=True)
class Ending:
    """How a child ended for good: its exit status, and the last line on its stderr."""

    name: str
    status: int
    last_words: str
    #: It failed at its start again and again, and is not started once more.
    hopeless: bool = False


class Child:
    """An instance of a component, started again whenever it ends before it is told to."""

    def __init__(self, instance: Instance, environment: Mapping[str, str], output: Output) -> None:
        self.instance = instance
        self._environment = environment
        self._output = output
        #: It was started once, or could not be.
        self.started = asyncio.Event()
        self._stopping = asyncio.Event()
        self._ended = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._since = time.monotonic()
        self._runs = 0

    @property
    def stopping(self) -> bool:
        """Whether it was told to end."""
        return self._stopping.is_set()

    def state(self) -> InstanceState:
        """How it is."""
        process = self._process if self._runs_now() else None
        return InstanceState(
            name=self.instance.name,
            pid=process.pid if process else None,
            seconds=time.monotonic() - self._since if process else None,
            restarts=max(0, self._runs - 1),
            ending=self.stopping,
        )

    async def keep_running(self) -> Ending:
        """Run until `stop`, or until it says that it is configured wrongly."""
        try:
            return await self._keep_running()
        finally:
            self.started.set()
            self._ended.set()

    async def _keep_running(self) -> Ending:
        crashes = failures = 0
        while True:
            self._since = time.monotonic()
            self._runs += 1
            ending = await self._run_once()
            if self.stopping or ending.status == WRONG:
                return ending
            ran = time.monotonic() - self._since
            # One that was killed says nothing of the next.
            failures = failures + 1 if ending.status == 1 and ran < FAILURE_SECONDS else 0
            if failures >= MOST_FAILURES:
                return replace(ending, hopeless=True)
            crashes = 1 if ran > STEADY_SECONDS else crashes + 1
            pause = RESTARTS.pause(crashes)
            log.warning(
                "%s ended with %s; starting it again in %.1f s",
                self.instance.name,
                _described(ending.status),
                pause,
            )
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
                return ending

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL if that was not enough; returns when it has ended. May be called again."""
        if not self.stopping:  # a second SIGTERM would cut its drain short
            self._stopping.set()
            self.signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._ended.wait(), STOP_SECONDS)
        except TimeoutError:
            log.warning("%s does not end: SIGKILL", self.instance.name)
            self.signal(signal.SIGKILL)
            await self._ended.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        if self._process is not None and self._runs_now():
            self._process.send_signal(number)

    def _runs_now(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def _run_once(self) -> Ending:
        name = self.instance.name
        try:
            self._process = process = await self._start()
        except OSError as error:  # no memory, or no more processes
            log.error("%s cannot be started: %s", name, plain_error(error))
            return Ending(name, 1, plain_error(error))
        finally:
            self.started.set()
        if self.stopping:
            self.signal(signal.SIGTERM)
        assert process.stdout is not None
        assert process.stderr is not None
        _, last = await asyncio.gather(
            self._output.copy(name, process.stdout, sys.stdout.buffer),
            self._output.copy(name, process.stderr, sys.stderr.buffer),
        )
        return Ending(name, await process.wait(), last.decode(errors="replace"))

    async def _start(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "todo", "run", "--supervised", self.instance.component),
            env=self._environment,
            # It ends when this pipe does, and so when this process does, however that ends.
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            # Ctrl-C in the terminal is for this process, which then tells the children in order.
            start_new_session=True,
        )


def _described(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"status {status}"
