"""Keeps files to the account that they belong to, whatever the umask and whatever rights they had before."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

#: The rights of everybody but the owner.
_OTHERS = 0o077
#: For processes whose files are their owner's alone.
UMASK = _OTHERS


def make_private(folder: Path) -> None:
    """Make the folder, for its owner only, and those above it as usual. One that is there stays as it is."""
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            folder.mkdir()
            folder.chmod(0o700)


def open_private(path: str, flags: int) -> int:
    """An opener for `open`: a new file is its owner's alone."""
    return os.open(path, flags, 0o600)


def write_private(file: Path, content: bytes, *, sync: bool = False) -> None:
    """Write the file, which is its owner's alone where it is new; with `sync` the disk has it then."""
    with open(file, "wb", opener=open_private) as written:
        written.write(content)
        if sync:
            written.flush()
            os.fsync(written.fileno())


def close_to_others(folder: Path) -> Path | None:
    """Take the others' rights from the folder and all that is in it; links are let be.

    Returns what they could not be taken from: it is another user's, or the file system knows no rights.
    """
    left = [path for path in _tree(folder) if not _close(path)]
    return left[0] if left else None


def close_data_folder(folder: Path, ours: Callable[[str], bool]) -> Path | None:
    """The same for a folder that a user named. It keeps its own rights where it holds more than is ours.

    `ours` tells that by the name of an entry. Returns what others can still read, or enter.
    """
    names = os.listdir(folder)
    if all(ours(name) for name in names) and not _close(folder):
        return folder
    left = [close_to_others(folder / name) for name in names if ours(name)]
    return next((path for path in left if path), None)


def _tree(folder: Path) -> Iterator[Path]:
    yield folder  # before what is in it: then nobody else can put a link there in the meantime
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            yield Path(place, name)


def _close(path: Path) -> bool:
    """Whether the file is its owner's alone now, or no file any more."""
    try:
        found = path.lstat()
        if not found.st_mode & _OTHERS or stat.S_ISLNK(found.st_mode):
            return True
        path.chmod(stat.S_IMODE(found.st_mode) & ~_OTHERS)
        return not path.lstat().st_mode & _OTHERS
    except FileNotFoundError:
        return True
    except OSError:
        return False
