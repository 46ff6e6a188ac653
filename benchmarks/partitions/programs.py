"""The publishers and workers of a run, on hosts of their own."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.partitions.clusters import Cluster
from benchmarks.partitions.network import Host
from benchmarks.process import ROOT
from benchmarks.soak.content import read
from dovetail.embedded.child import dies_with_parent

#: What a program may take to begin, or to end when it is asked to: its time to drain, and some.
LIMIT_SECONDS = 40.0
#: How long the queue may take, after the last split, to have everything handled.
SETTLE_SECONDS = 60.0
_LOOK_SECONDS = 0.05
#: What the groups of a worker write down.
GROUP_KINDS = frozenset({"task", "done"})
#: How much of the log of a program that failed is shown: the longest traceback, and some.
_SHOWN_LINES = 60


class ProgramFailed(Exception):
    """A program did not do what the run needs to go on; the text has the end of its log."""


@dataclass(frozen=True)
class Program:
    """A publisher or a worker that was started."""

    name: str
    process: subprocess.Popen[bytes]
    journal: Path
    log: Path
    #: It has begun when a line of each of these kinds is in its journal. A worker joins its groups one after
    #: the other: one that has handled a task may still be joining the other group.
    kinds: frozenset[str] = frozenset()

    @property
    def ended(self) -> bool:
        """Whether it is gone."""
        return self.process.poll() is not None

    @property
    def begun(self) -> bool:
        """Whether it does all that it is there for."""
        lines = read(self.journal)
        return bool(lines) and self.kinds <= {words[0] for words in lines}

    def failed(self, how: str) -> str:
        """For a person, with what it said last."""
        return f"{self.name} {how}:\n{end_of(self.log.read_text(errors='replace'))}"


class Programs:
    """Ends what it started. Each program writes a journal and a log into the folder."""

    def __init__(self, cluster: Cluster, hosts: Sequence[Host], folder: Path) -> None:
        self._cluster = cluster
        self._hosts = hosts
        self._folder = folder
        self._workers: list[Program] = []
        self._publishers: list[Program] = []
        #: Those that ended by themselves, or did not end well when they were asked to: each with its log.
        self.failed: list[str] = []

    async def start(self, rate: float, workers: Collection[str]) -> None:
        """A publisher on each host, and a worker on those that are named.

        Returns when each publisher has had a task confirmed, and each worker has handled messages of both
        groups. Raises ProgramFailed where one does not.
        """
        for number, host in enumerate(self._hosts):
            share = str(rate / len(self._hosts))
            if host.name in workers:
                self._workers.append(self._run(host, "worker", "handled", kinds=GROUP_KINDS))
            self._publishers.append(self._run(host, "publisher", "accepted", str(number), share))
        everyone = (*self._workers, *self._publishers)
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                while not all(one.begun for one in everyone):
                    if gone := [one for one in everyone if one.ended]:
                        raise ProgramFailed(gone[0].failed("ended before it began"))
                    await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError:
            how = f"did not begin within {LIMIT_SECONDS:g} s"
            late = [one.failed(how) for one in everyone if not one.begun]
            raise ProgramFailed("\n".join(late)) from None

    async def finish(self) -> dict[str, Any]:
        """Stop publishing, wait until all is handled, stop: what is left, as `settled` prints it."""
        await self._end(self._publishers)
        left = await self._settled()
        await self._end(self._workers)
        return left

    def _run(
        self,
        host: Host,
        program: str,
        journal: str,
        *more: str,
        kinds: frozenset[str] = frozenset(),
    ) -> Program:
        name = f"{program}-{host.name}"
        journal_file = self._folder / f"{journal}-{host.name}"
        log_file = self._folder / f"{name}.log"
        with log_file.open("ab") as log:
            process = subprocess.Popen(
                self._command(host, program, str(journal_file), *more),
                cwd=ROOT,
                stderr=log,
                preexec_fn=dies_with_parent(),  # noqa: PLW1509 - it takes no lock
            )
        return Program(name, process, journal_file, log_file, kinds)

    def _command(self, host: Host, program: str, *arguments: str) -> list[str]:
        module = f"benchmarks.partitions.{program}"
        given = (self._cluster.address, str(self._cluster.replicas), *arguments)
        return host.command(sys.executable, "-m", module, *given)

    async def _settled(self) -> dict[str, Any]:
        process = await asyncio.create_subprocess_exec(
            *self._command(self._hosts[0], "settled", str(SETTLE_SECONDS)),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        printed, log = await process.communicate()
        if process.returncode:
            said = end_of(log.decode(errors="replace"))
            raise ProgramFailed(f"settled ended with {process.returncode}:\n{said}")
        left: dict[str, Any] = json.loads(printed.decode().strip().rsplit("\n", 1)[-1])
        return left

    async def _end(self, programs: Sequence[Program]) -> None:
        """Ask all of them at once; each that fails is told of once."""
        asked = []
        for one in programs:
            if one.ended:
                self.failed.append(one.failed(f"ended by itself with {one.process.returncode}"))
            else:
                one.process.send_signal(signal.SIGTERM)
                asked.append(one)
        await asyncio.gather(*(self._wait(one) for one in asked))

    async def _wait(self, one: Program) -> None:
        try:
            status = await asyncio.to_thread(one.process.wait, LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            how = f"had not ended {LIMIT_SECONDS:g} s after it was asked to"
            self.failed.append(one.failed(how))
        else:
            if status:
                self.failed.append(one.failed(f"ended with {status} when it was asked to"))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for one in (*self._publishers, *self._workers):
            if not one.ended:
                one.process.kill()
                one.process.wait()


def end_of(log: str) -> str:
    """The last lines, indented."""
    lines = log.splitlines()[-_SHOWN_LINES:] or ["without a word"]
    return "\n".join(f"    {line}" for line in lines)
