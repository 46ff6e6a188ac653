"""Polls what no event tells: the state of queue and database, waiting changes, dead letters, lost events."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dovetail import MessageQueue
from todo.events import NewItem
from todo.monitoring.disk import QueueDisk
from todo.monitoring.readiness import database_state, queue_state
from todo.store import Store, StoreUnavailable
from todo.waiting_changes import WaitingChanges, read_waiting
from todo.web.failures import Failed, Failures, latest_by_item
from todo.web.live.broadcast import Broadcast
from todo.web.live.deltas import StatusDelta
from todo.web.live.event_effects import EventEffects
from todo.web.live.stale_items import StaleItems

#: Seconds that a change may wait before that is worth a look, and telling.
SOON = 1.0
#: Waiting changes, and changed items, that are looked at.
MOST = 1000
#: How far clocks may differ, and transactions may last.
SLACK = timedelta(seconds=5)


@dataclass(frozen=True)
class Sources:
    """What is polled."""

    queue: MessageQueue
    store: Store
    disk: QueueDisk
    failures: Failures


class Poll:
    """Polls once for each call of `look`."""

    def __init__(
        self, sources: Sources, broadcast: Broadcast, stale: StaleItems, effects: EventEffects
    ) -> None:
        self._sources = sources
        self._broadcast, self._stale, self._effects = broadcast, stale, effects
        self._letters: dict[str, Failed] = {}
        self._since = datetime.now(UTC)

    def begin(self) -> None:
        """What was before this is known to the pages."""
        self._since = datetime.now(UTC)

    @property
    def unsettled(self) -> bool:
        """Whether another look is likely to find something soon."""
        status = self._broadcast.status
        troubled = status != StatusDelta() or self._stale.failed
        oldest = self._broadcast.unsaved.oldest()
        return troubled or (oldest is not None and _now() - oldest >= SOON)

    async def look(self) -> None:
        """Ask queue and database, and tell what is new. Takes a few seconds at most, however they are."""
        began, moment = _now(), datetime.now(UTC)
        self._stale.failed = False
        queue_is, database_is, waiting = await asyncio.gather(
            queue_state(self._sources.queue, self._sources.disk),
            database_state(self._sources.store),
            read_waiting(self._sources.queue, MOST),
        )
        # After what waits: a message that was given up in between is among one of them.
        failed = await self._sources.failures.read()
        if not waiting.unreachable:
            self._compare(waiting, failed, began)
        if database_is == "ok" and await self._look_for_changed():
            self._since = moment
        shown, more = self._backlog(waiting)
        self._broadcast.state(StatusDelta(queue_is, database_is, shown, more))

    def _compare(self, waiting: WaitingChanges, failed: Sequence[Failed], began: float) -> None:
        self._compare_letters(waiting, failed)
        for item in waiting.items:
            self._effects.accepted(NewItem(item))
        for event in waiting.changes:
            self._effects.accepted(event)
        if not waiting.complete:
            return
        still = _ids(waiting)
        for change, accepted in list(self._broadcast.unsaved):
            if change not in still and accepted.since < began - SOON:
                self._stale.add(accepted.item_id, (change,))
        if self._broadcast.unsaved.lossy:
            self._broadcast.unsaved.lossy = False
            self._broadcast.renew(began)

    def _compare_letters(self, waiting: WaitingChanges, failed: Sequence[Failed]) -> None:
        now = {one.letter.id: one for one in failed}
        unsaved = self._broadcast.unsaved
        self._broadcast.failed = latest_by_item(failed)
        for letter in now.keys() - self._letters.keys():
            unsaved.saved((now[letter].change,))
            self._broadcast.failure(now[letter])
        gone = [self._letters[letter].change for letter in self._letters.keys() - now.keys()]
        for change in gone:
            unsaved.again(change)
        if set(gone) - _ids(waiting):  # discarded: a page cannot know what stood there before
            self._broadcast.renew(_now())
        self._letters = now

    async def _look_for_changed(self) -> bool:
        """Whether all that changed was looked at."""
        since = self._since - SLACK
        try:
            items = await self._sources.store.changed_since(since, MOST)
            removed = await self._sources.store.removed_since(since, MOST)
        except StoreUnavailable:
            return False
        if MOST in (len(items), len(removed)):
            self._broadcast.renew(_now())
        found = {item.id: item for item in items} | dict.fromkeys(removed)
        for item_id, item in found.items():
            if self._broadcast.is_news(item_id, item):
                self._stale.add(item_id)
        return True

    def _backlog(self, waiting: WaitingChanges) -> tuple[int, bool]:
        """How many wait, once one of them has waited long enough for that to be worth telling."""
        oldest = self._broadcast.unsaved.oldest()
        if oldest is None or _now() - oldest < SOON:
            return 0, False
        if waiting.unreachable:
            return len(self._broadcast.unsaved), self._broadcast.unsaved.lossy
        return waiting.total, waiting.more


def _ids(waiting: WaitingChanges) -> set[str]:
    return {item.id for item in waiting.items} | {one.change for one in waiting.changes}


def _now() -> float:
    return asyncio.get_running_loop().time()
