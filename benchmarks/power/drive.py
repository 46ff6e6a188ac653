"""The process of one disk: `python -m benchmarks.power.drive FOLDER xfs`, commands on its standard input.

Each is a line, and answered by one: `on`, `sync`, `off SEED`, `flip SEED BITS PATTERN`. At the end of the
input, however the other side ended, it unmounts the folder and ends.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from threading import Thread

from benchmarks.power.disk import RULES, Disk, Names
from benchmarks.power.mounting import mount, unmount
from benchmarks.power.serving import Session


class Drive:
    """A disk, and whether it is mounted."""

    def __init__(self, folder: Path, names: Names) -> None:
        self._folder = folder
        self._disk = Disk(names)
        self._session: Session | None = None

    def on(self) -> None:
        """Mount it."""
        self._session = session = Session(self._disk, mount(self._folder))
        Thread(target=session.serve, daemon=True).start()

    def sync(self) -> None:
        """All that was written is on the disk, as it is after some time."""
        assert self._session is not None, "is off"
        with self._session.lock:
            self._disk.sync_all()

    def off(self, seed: str) -> dict[str, int]:
        """Lose what is not synced, and unmount."""
        assert self._session is not None, "is off"
        with self._session.lock:
            self._session.off = True
            dropped = self._disk.lose_power(int(seed))
        unmount(self._folder)
        self._session = None
        return asdict(dropped)

    def flip(self, seed: str, bits: str, pattern: str) -> list[str]:
        """Flip bits of what is stored, while it is off: the kernel remembers what it has read."""
        assert self._session is None, "is on"
        return self._disk.flip(int(seed), pattern, int(bits))


def main(folder: str, names: Names) -> None:
    """Until the input ends."""
    point = Path(folder)
    drive = Drive(point, names)
    try:
        for line in sys.stdin:
            command, *words = line.split()
            print(json.dumps(getattr(drive, command)(*words)), flush=True)
    finally:
        unmount(point)
        os._exit(0)  # a thread may wait for a kernel that still uses the disk


if __name__ == "__main__":
    main(sys.argv[1], next(one for one in RULES if one == sys.argv[2]))
