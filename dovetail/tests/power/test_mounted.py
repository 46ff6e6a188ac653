"""The disk as programs see it: through the kernel."""

from __future__ import annotations

import mmap
import os
import sqlite3
from pathlib import Path

import pytest

from benchmarks.power.machine import PowerDisk
from benchmarks.power.mounting import is_mounted


async def cut(disk: PowerDisk, seed: int = 1) -> None:
    await disk.off(seed)
    assert list(disk.folder.iterdir()) == []
    await disk.on()


def write(path: Path, data: bytes, *, flags: int = 0, sync: bool = False) -> None:
    file = os.open(path, os.O_CREAT | os.O_WRONLY | flags, 0o600)
    assert os.write(file, data) == len(data)
    if sync:
        os.fsync(file)
    os.close(file)


async def test_synced_data_is_back(disk: PowerDisk) -> None:
    large = os.urandom(3 << 20)
    write(disk.folder / "large", large, sync=True)
    await cut(disk)
    assert (disk.folder / "large").read_bytes() == large


async def test_unsynced_data_is_gone(disk: PowerDisk) -> None:
    write(disk.folder / "a", b"kept", sync=True)
    write(disk.folder / "a", b"more", flags=os.O_APPEND)
    assert (disk.folder / "a").read_bytes() == b"keptmore"
    dropped = await disk.off(1)  # a seed that keeps nothing
    await disk.on()
    assert dropped.bytes == 4
    assert (disk.folder / "a").read_bytes() == b"kept"


@pytest.mark.parametrize("flag", [os.O_SYNC, os.O_DSYNC])
async def test_files_that_are_opened_to_be_synced(disk: PowerDisk, flag: int) -> None:
    write(disk.folder / "a", b"", sync=True)
    write(disk.folder / "a", b"kept", flags=flag)
    await cut(disk)
    assert (disk.folder / "a").read_bytes() == b"kept"


async def test_mapped_memory(disk: PowerDisk) -> None:
    write(disk.folder / "a", bytes(8192), sync=True)
    with (disk.folder / "a").open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        mapped[:4] = b"kept"
        mapped.flush()
        mapped[4096:4100] = b"gone"
    await cut(disk)
    left = (disk.folder / "a").read_bytes()
    assert left[:4] == b"kept"
    assert left[4096:4100] == bytes(4)


async def test_folders_names_and_links(disk: PowerDisk) -> None:
    folder = disk.folder / "a" / "b"
    folder.mkdir(parents=True)
    for number in range(1000):
        write(folder / str(number), b"")
    (folder / "0").rename(folder / "first")
    (folder / "1").unlink()
    (folder / "link").symlink_to("first")
    os.link(folder / "first", folder / "second")
    expected = {*map(str, range(2, 1000)), "first", "second", "link"}
    assert {one.name for one in folder.iterdir()} == expected
    with pytest.raises(OSError, match="not empty"):
        folder.rmdir()
    handle = os.open(folder, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)
    await cut(disk)
    assert {one.name for one in folder.iterdir()} == expected
    assert (folder / "link").resolve() == folder / "first"
    assert (folder / "first").samefile(folder / "second")


async def test_a_removed_file_that_is_open_can_be_used(disk: PowerDisk) -> None:
    path = disk.folder / "a"
    with path.open("w+b", buffering=0) as file:
        file.write(b"12345")
        path.unlink()
        file.truncate(3)
        file.seek(0)
        assert file.read() == b"123"
        assert os.fstat(file.fileno()).st_nlink == 0
    assert list(disk.folder.iterdir()) == []


async def test_a_database_has_what_was_committed(disk: PowerDisk) -> None:
    database = sqlite3.connect(disk.folder / "one.db")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE t (n)")
    for number in range(200):
        database.execute("INSERT INTO t VALUES (?)", (number,))
        database.commit()
    await disk.off(2)
    database.close()
    await disk.on()
    database = sqlite3.connect(disk.folder / "one.db")
    assert database.execute("SELECT count(*) FROM t").fetchone() == (200,)
    database.close()


async def test_nothing_stays_mounted_when_its_process_is_killed(disk: PowerDisk) -> None:
    assert is_mounted(disk.folder)
    assert disk._process is not None
    disk._process.kill()
    await disk._process.wait()
    assert is_mounted(disk.folder)
    await disk._end()
    assert not is_mounted(disk.folder)
