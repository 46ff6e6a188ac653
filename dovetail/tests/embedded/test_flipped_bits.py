"""Bits of the store flip while nothing runs: the next start says so, and nothing else is called damage."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from dovetail import connect
from dovetail.embedded import EmbeddedServer, checksums
from dovetail.testing.conformance.names import numbered

from .support import keep_a_message, kept_messages, owner_process


def block(folder: Path, stream: str = "kept") -> Path:
    (path,) = folder.glob(f"queue/jetstream/*/streams/{stream}/msgs/*.blk")
    return path


def flip(path: Path, place: int) -> None:
    """As the disk does it: nothing is written."""
    content, found = bytearray(path.read_bytes()), path.stat()
    content[place] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one for one in caplog.messages if "have flipped" in one]


async def run_once(folder: Path) -> None:
    async with EmbeddedServer(folder, 0, 0):
        pass


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
async def test_one_flipped_bit_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, share: float
) -> None:
    event = numbered()
    async with EmbeddedServer(tmp_path, 0, 0) as server, connect(server.url) as queue:
        for number in range(20):
            await queue.publish(event(number))
    path = block(tmp_path, "dovetail-events")
    flip(path, int(path.stat().st_size * share))
    await run_once(tmp_path)
    [one] = said(caplog)
    assert str(path) in one
    assert "of the stream dovetail-events are damaged" in one
    await run_once(tmp_path)
    assert len(said(caplog)) == 1


async def test_the_server_cuts_no_file_off_before_it_is_compared(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with EmbeddedServer(tmp_path, 0, 0) as server:
        await keep_a_message(server.url)
    flip(block(tmp_path), 0)
    check = checksums.Checksums.check

    def busy(self: checksums.Checksums) -> None:
        time.sleep(0.5)  # in a thread: long enough for a server to start
        check(self)

    monkeypatch.setattr(checksums.Checksums, "check", busy)
    await run_once(tmp_path)
    assert len(said(caplog)) == 1


async def test_it_is_said_after_later_runs_and_after_a_kill(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file that was not written since keeps its checksum."""
    async with EmbeddedServer(tmp_path, 0, 0) as server:
        await keep_a_message(server.url)
    for _ in range(2):
        await run_once(tmp_path)
    with owner_process(tmp_path) as owner:
        owner.kill()
    await run_once(tmp_path)
    assert not said(caplog)
    flip(block(tmp_path), 20)
    await run_once(tmp_path)
    assert len(said(caplog)) == 1


async def test_what_the_server_writes_is_no_damage(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with EmbeddedServer(tmp_path, 0, 0) as server:
        await keep_a_message(server.url)
    with owner_process(tmp_path) as owner:
        await keep_a_message(owner.url)
        owner.kill()
    async with EmbeddedServer(tmp_path, 0, 0) as server:
        assert await kept_messages(server.url) == 2
    await run_once(tmp_path)
    assert not said(caplog)


async def test_checksums_that_are_damaged_themselves_are_taken_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with EmbeddedServer(tmp_path, 0, 0) as server:
        await keep_a_message(server.url)
    server.folder.checksums.write_bytes(b"{")
    await run_once(tmp_path)
    assert not said(caplog)
    flip(block(tmp_path), 20)
    await run_once(tmp_path)
    assert len(said(caplog)) == 1


async def test_an_end_that_has_no_time_leaves_files_for_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checksums, "MOST_SECONDS", -1.0)
    async with EmbeddedServer(tmp_path, 0, 0) as server:
        await keep_a_message(server.url)
    assert server.folder.checksums.read_bytes() == b"{}"
    monkeypatch.undo()
    await run_once(tmp_path)
    assert b".blk" in server.folder.checksums.read_bytes()
