"""Whether the disk of the store has room."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

#: Below this the disk counts as full, and from there on as one with room again. Bytes.
FULL_BYTES = 65_536
ROOM_BYTES = 262_144
#: How much of what is free the store may take: the rest is for what handlers have to write.
SHARE = 0.75


def free_bytes(folder: Path) -> int:
    """What can still be written there. OSError where the folder is gone."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def can_be_written(folder: Path) -> bool:
    """Whether some bytes reach this disk: its quota, its errors and its mode count, too. May block."""
    probe = folder / "room.probe"
    try:
        with probe.open("wb", buffering=0) as file:
            file.write(bytes(ROOM_BYTES))
            os.fsync(file.fileno())
        return probe.stat().st_size == ROOM_BYTES
    except OSError:
        return False
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()


def most_bytes(store: Path) -> int:
    """How large the store may become on its disk: what it has, and a share of what is free."""
    used = 0
    for folder, _, files in os.walk(store):
        for name in files:
            with contextlib.suppress(OSError):
                used += (Path(folder) / name).stat().st_size
    return used + int(free_bytes(store.parent) * SHARE)
