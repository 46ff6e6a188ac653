"""The life of one machine: several losses of power one after another, each under load."""

from __future__ import annotations

import asyncio
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from benchmarks.power.disk import Names
from benchmarks.power.load import Found, Load
from benchmarks.power.machine import PowerDisk
from benchmarks.power.outcome import Outcome
from benchmarks.power.tested import Tested
from dovetail import DovetailError
from dovetail.testing.servers import ServerFailed

#: Seconds of load before the system writes all.
_BEFORE_SECONDS = 0.3


@dataclass(frozen=True)
class Conditions:
    """Of the disk. Unless it is `young`, the system has written what there was before the load.

    That is what it does within half a minute, and what a queue that has run for a while finds.
    """

    names: Names = "xfs"
    young: bool = False
    #: Seconds of load before a cut-off, at least and at most.
    load: tuple[float, float] = (0.3, 1.8)


async def trial(
    kind: type[Tested], outcome: Outcome, cut_offs: int, seed: int, conditions: Conditions
) -> None:
    """So many cut-offs of one machine, or fewer where it does not come back."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(place())
        disks = [
            await stack.enter_async_context(_disk(folder / f"disk{number}", conditions.names))
            for number in range(kind.disks)
        ]
        tested = kind([disk.folder for disk in disks])
        stack.push_async_callback(tested.close)
        await tested.start()
        outcome.version = await tested.version()
        for disk in disks:
            await disk.sync()  # it was installed long ago
        load = await stack.enter_async_context(tested.load())
        machine = Machine(tested, disks, load, conditions)
        random = Random(seed)
        try:
            for _ in range(cut_offs):
                if not await machine.cut_off(outcome, random):
                    break
        except (ServerFailed, DovetailError, TimeoutError) as error:
            outcome.failures.append(f"{type(error).__name__}: {error}")
        for line in tested.said():
            outcome.said[line] = outcome.said.get(line, 0) + 1


def end_with_sigterm() -> None:
    """Cancel this task then, so that everything is put away."""
    this = asyncio.current_task()
    assert this is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)


@contextmanager
def place() -> Iterator[Path]:
    """A folder for disks."""
    with tempfile.TemporaryDirectory(prefix="dovetail-power-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # a server may run as another user
        yield folder


def _disk(folder: Path, names: Names) -> PowerDisk:
    folder.mkdir()
    return PowerDisk(folder, names)


class Machine:
    """What is tested, its disks, and what it is doing."""

    def __init__(
        self, tested: Tested, disks: list[PowerDisk], load: Load, conditions: Conditions
    ) -> None:
        self._tested = tested
        self._disks = disks
        self._load = load
        self._conditions = conditions
        self._found = Found()

    async def cut_off(self, outcome: Outcome, random: Random) -> bool:
        """Run, lose the power, come back, and count; whether the group at work gets its messages.

        Raises where it does not come back.
        """
        if not self._conditions.young:
            await self._load.run(_BEFORE_SECONDS)
            for disk in self._disks:
                await disk.sync()
        await self._load.run(random.uniform(*self._conditions.load))
        which = random.sample(range(len(self._disks)), self._tested.cut_off)
        cut_off = time.monotonic()
        await self._tested.kill(which)
        for number in which:
            outcome.drop(await self._disks[number].off(random.getrandbits(32)))
            await self._disks[number].on()
        outcome.cut_offs += 1
        back = time.monotonic()
        await self._tested.start()
        await self._load.again()
        outcome.seconds.append(time.monotonic() - back)
        before, self._found = self._found, await self._load.settle()
        skipped = outcome.skipped
        outcome.add(before, self._found, cut_off)
        return outcome.skipped == skipped
