"""A disk that is soon full."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dovetail.testing.servers import ServerMissing


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A new folder with so much room, such as "1m", of which some is taken by `fill`."""
    if os.getuid() != 0:
        raise ServerMissing("a small disk is mounted for this test, which only root may do")
    folder.mkdir(parents=True)
    _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path) -> Path:
    """Leave no byte; returns what is to be removed to have room again."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            return ballast


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nothing can be written to the disk any more; for files that are open for writing it cannot be so."""
    _mount("-o", "bind,remount,ro", folder)
    try:
        yield
    finally:
        _mount("-o", "bind,remount,rw", folder)


def give_away(folder: Path, other: Path) -> None:
    """The folder to whoever has the other one."""
    owner = other.stat()
    os.chown(folder, owner.st_uid, owner.st_gid)
    for parent in folder.parents[:4]:
        parent.chmod(parent.stat().st_mode | 0o011)


def _mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *arguments], check=True)
