"""What the embedded server's owner says and mends after a loss of power."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dovetail import MessageQueue, Worker, connect
from dovetail.embedded import EmbeddedServer, Sync, known
from dovetail.embedded.server_log import complaint
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.names import Numbered, numbered, numbers
from dovetail.testing.conformance.waiting import Seen, all_handled


@pytest.fixture(autouse=True)
def heard(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "dovetail")
    return caplog


@asynccontextmanager
async def queue_of(folder: Path) -> AsyncIterator[MessageQueue]:
    async with EmbeddedServer(folder, 0, 0) as server, connect(server.url) as queue:
        yield queue


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR]


@pytest.fixture
def boot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], object]:
    """Give this run of the machine a name."""
    monkeypatch.setattr(known, "BOOT_ID", tmp_path / "boot_id")
    return known.BOOT_ID.write_text


async def run(folder: Path, sync: Sync = "interval") -> bytes:
    """Start and end it in order; what it knew of its store while it ran."""
    async with EmbeddedServer(folder, 0, 0, sync=sync):
        return known_file(folder).read_bytes()


def known_file(folder: Path) -> Path:
    return folder / "queue.known.json"


async def test_that_the_last_second_may_be_missing_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, boot: Callable[[str], object]
) -> None:
    boot("first")
    known_file(tmp_path).write_bytes(await run(tmp_path))
    boot("second")
    for _ in range(2):
        await run(tmp_path)
    (said,) = errors(caplog)
    assert "what was confirmed in the last second or two may be missing" in said


@pytest.mark.parametrize(
    ("sync", "second", "in_order"),
    [
        ("interval", "second", True),
        ("interval", "first", False),
        ("interval", "", False),
        ("always", "second", False),
    ],
    ids=["in order", "killed", "no name", "synced"],
)
async def test_it_is_not_said_where_nothing_is_missing(
    heard: pytest.LogCaptureFixture,
    boot: Callable[[str], object],
    tmp_path: Path,
    sync: Sync,
    second: str,
    in_order: bool,
) -> None:
    boot("first")
    while_it_ran = await run(tmp_path, sync)
    if not in_order:
        known_file(tmp_path).write_bytes(while_it_ran)
    boot(second)
    await run(tmp_path, sync)
    assert not errors(heard)


@pytest.mark.parametrize(("sync", "said"), [("interval", True), ("always", False)])
async def test_what_a_loss_of_power_takes_is_said_at_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, sync: Sync, said: bool
) -> None:
    await run(tmp_path, sync)
    assert ("a loss of power takes" in caplog.text) == said


def cut_short(folder: Path) -> None:
    (file,) = folder.glob("queue/jetstream/*/streams/dovetail-events/obs/*/o.dat")
    file.write_bytes(file.read_bytes()[:3])


async def test_a_group_whose_progress_was_cut_short_is_handed_all_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    event, seen = numbered(), Seen[Numbered]()
    group = recording(event, seen)
    async with queue_of(tmp_path) as queue, Worker(queue, [group]):
        for number in range(5):
            await queue.publish(event(number))
        await all_handled(queue, group.name)
    cut_short(tmp_path)
    async with queue_of(tmp_path) as queue, Worker(queue, [group]):
        await queue.publish(event(5))
        await seen.has(11)
    assert sorted(numbers(seen.items)) == sorted([*range(5), *range(6)])
    (said,) = errors(caplog)
    assert f"how far {group.name}" in said
    assert "is lost" in said


def test_whose_progress_it_is() -> None:
    found = complaint(
        "[1] x [WRN] Consumer create failed for '$G > dovetail-events > save=events=a': error creating store "
        "for consumer: corrupt state file (10104)"
    )
    assert found is not None
    assert found.consumer == ("$G", "dovetail-events", "save=events=a")
