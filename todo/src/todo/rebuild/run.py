"""The steps of a rebuild: check, read the history, say how far it reaches, and remove the group."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from dovetail import Group, MessageQueue, Worker
from todo.process import CannotRun
from todo.rebuild.history_group import GROUP, Read, history_group, saved_group
from todo.settings import FOREVER, Settings
from todo.store import Store

log = logging.getLogger("todo.rebuild")

#: Between two looks how much is left, and between two lines that say so.
_LOOK_SECONDS, _SAY_SECONDS = 0.2, 5.0
#: Messages of whoever publishes with a clock that is so much ahead are waited for, too.
_CLOCKS = timedelta(seconds=2)


async def rebuild(queue: MessageQueue, store: Store, settings: Settings) -> Read:
    """Read the history into the database, while everything else goes on.

    What the history tells of an item counts; what it does not tell of stays as it is. Whoever ends it in the
    middle may begin again. Raises CannotRun where one runs already.
    """
    await store.prepare()
    before = await store.count()
    log.info("the database has %s; reading the history of the queue", _items(before))
    read = Read()
    async with _alone(queue):
        await _run(queue, history_group(store, read))
        # When they were saved can be put back when they are there.
        await _run(queue, saved_group(store))
    _say(read, settings, await store.count())
    return read


@asynccontextmanager
async def _alone(queue: MessageQueue) -> AsyncIterator[None]:
    """A group that begins with the first event, and is gone afterwards: it would hold the history back."""
    rows = [one for one in await queue.groups() if one.status.group == GROUP]
    if any(one.running for one in rows):
        raise CannotRun(
            "a rebuild is running already, or was killed less than a minute ago: wait, and try again"
        )
    if rows:
        log.info("a rebuild that was ended in the middle begins again")
        await queue.remove_group(GROUP, force=True)
    try:
        yield
    finally:
        if any(one.status.group == GROUP for one in await queue.groups()):
            await queue.remove_group(GROUP, force=True)


async def _run(queue: MessageQueue, group: Group) -> None:
    """Let it handle all that was published before now."""
    started = datetime.now(UTC) + _CLOCKS
    subjects = {handler.subject for handler in group.handlers}
    clock = asyncio.get_running_loop().time
    said = clock()
    async with Worker(queue, [group]):
        while (left := await _left(queue, subjects, started)) > 0:
            if clock() - said >= _SAY_SECONDS:
                log.info("%s left", f"{left:,} message{'' if left == 1 else 's'}")
                said = clock()
            await asyncio.sleep(_LOOK_SECONDS)


async def _left(queue: MessageQueue, subjects: set[str], started: datetime) -> int:
    """How many messages it has yet to handle; none where all of them were published after the start."""
    rows = [row for row in (await queue.status()).groups if row.group == GROUP]
    if not subjects <= {row.subject for row in rows}:
        return 1
    return sum(
        row.waiting + row.in_hand
        for row in rows
        if row.subject in subjects and (row.oldest is None or row.oldest <= started)
    )


def _say(read: Read, settings: Settings, now: int) -> None:
    if read.since is None:
        log.warning("the queue has kept no event of items: there was nothing to read")
    else:
        log.info(
            "the history reaches back to %s", read.since.astimezone().isoformat(" ", "seconds")
        )
    if settings.history != FOREVER:
        log.info(
            "it is kept for %s days (TODO_HISTORY): items that are older were left as they were",
            settings.history,
        )
    if read.refused:
        log.warning("%d messages were left out, which no item can be made of", read.refused)
    log.info(
        "read %s new items and %s changes; the database has %s now",
        f"{read.items:,}",
        f"{read.changes:,}",
        _items(now),
    )


def _items(count: int) -> str:
    return f"{count:,} item{'' if count == 1 else 's'}"
