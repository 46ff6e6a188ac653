"""Several worker processes for the same groups, restarted when they crash."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from dovetail.cli.output import note
from dovetail.cli.signals import stop_signals
from dovetail.embedded.child import dies_with_parent, guard
from dovetail.network.os_errors import plain_error
from dovetail.retry import Backoff

#: Pauses before a crashed worker is started again.
RESTARTS = Backoff(first=0.5, most=30.0)
#: A worker that ran so long did not crash at its start: the pauses begin anew. Seconds.
STEADY_SECONDS = 30.0
#: What a worker may take to end beyond its drain. Seconds.
GRACE_SECONDS = 3.0
#: A worker that ends so is configured wrongly; starting it again would not help.
WRONG = 2


@dataclass(frozen=True)
class Plan:
    """The processes that are to run."""

    #: What follows `dovetail` on each one's command line, and `--number N`.
    arguments: Sequence[str]
    #: What its environment has beyond ours.
    environment: Mapping[str, str]
    workers: int
    #: Seconds.
    drain: float


class Processes:
    """Runs a plan until SIGTERM or Ctrl-C."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._stopping = asyncio.Event()
        self._running: set[asyncio.subprocess.Process] = set()
        self._status = 0

    async def run(self) -> int:
        """Run them; returns the exit status: 0, 130 after Ctrl-C, 1 where one had to be killed, 2."""
        with stop_signals(self._kill) as signalled:
            signalled.add_done_callback(self._told)
            async with asyncio.TaskGroup() as tasks:
                for number in range(1, self._plan.workers + 1):
                    tasks.create_task(self._keep(number))
            return self._status or (signalled.result() if signalled.done() else 0)

    def _told(self, _: asyncio.Future[int]) -> None:
        note(f"Stopping: the workers finish what is in hand, within {self._plan.drain:g} s.")
        self._stopping.set()

    async def _keep(self, number: int) -> None:
        """Keep the worker with this number running."""
        crashes = 0
        while not self._stopping.is_set():
            started = time.monotonic()
            status, words = await self._once(number)
            if status == WRONG:
                self._status = WRONG
                self._stopping.set()
            if self._stopping.is_set():
                return
            crashes = 1 if time.monotonic() - started > STEADY_SECONDS else crashes + 1
            pause = RESTARTS.pause(crashes)
            note(f"Worker {number} {words}; it starts again in {pause:.1f} s.")
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopping.wait()

    async def _once(self, number: int) -> tuple[int, str]:
        """Run it once; returns its status, and how it ended in words."""
        try:
            process = await self._start(number)
        except OSError as error:
            return 1, f"could not be started: {plain_error(error)}"
        status = await self._until_end(process)
        return status, f"(pid {process.pid}) {_ended(status)}"

    async def _start(self, number: int) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "dovetail",
            *self._plan.arguments,
            "--number",
            str(number),
            stdin=subprocess.DEVNULL,
            env={**os.environ, **self._plan.environment},
            process_group=0,  # Ctrl-C in the terminal is for us, who then tell them
            preexec_fn=dies_with_parent(),
        )
        note(f"Worker {number} started (pid {process.pid}).")
        return process

    async def _until_end(self, process: asyncio.subprocess.Process) -> int:
        """Wait until it has ended by itself, or was stopped because we are; returns how, as a status."""
        self._running.add(process)
        guarding = guard(process.pid)
        ended = asyncio.ensure_future(process.wait())
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                await self._stop(process, ended)
            return await ended
        finally:
            stopping.cancel()
            self._running.discard(process)
            if guarding:
                guarding.kill()
                guarding.wait()

    async def _stop(self, process: asyncio.subprocess.Process, ended: asyncio.Future[int]) -> None:
        _signal(process, signal.SIGTERM)
        limit = self._plan.drain + GRACE_SECONDS
        if not (await asyncio.wait({ended}, timeout=limit))[0]:
            note(f"A worker (pid {process.pid}) did not end within {limit:g} s and is killed.")
            self._status = self._status or 1
            _signal(process, signal.SIGKILL)

    def _kill(self) -> None:
        for process in self._running:
            _signal(process, signal.SIGKILL)


def _signal(process: asyncio.subprocess.Process, sign: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # it ended this very moment
        process.send_signal(sign)


def _ended(status: int) -> str:
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"ended with status {status}"
