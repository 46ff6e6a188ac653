"""What open pages are told. It is encoded once for all of them, and limited to what they can take in."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence

import msgspec

from todo.items import Item
from todo.web.failures import Failed
from todo.web.item_json import item_json
from todo.web.live.deltas import Delta, FailedDelta, GoneDelta, ItemDelta, StatusDelta, encode
from todo.web.live.recent_deltas import RecentDeltas
from todo.web.live.unsaved_changes import UnsavedChanges

log = logging.getLogger("todo.web.live")

#: Deltas in a second. With more of them, as while thousands are imported, pages read the list again.
MOST_A_SECOND = 600
#: Seconds between two such readings.
RESETS_APART = 2.0
#: Items of which is remembered what pages were told last.
MOST_TOLD = 5000


class Broadcast:
    """Adds deltas to the stream, and calls `wake` when there are some."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self.recent = RecentDeltas()
        self.unsaved = UnsavedChanges()
        #: How queue and database are; None as long as nobody has looked.
        self.status: StatusDelta | None = None
        #: The latest failure of each item that has one.
        self.failed: dict[str, Failed] = {}
        self._wake = wake
        #: By item, hashes of what the database had of it and of what pages were told.
        self._told: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._in_this_second = 0
        self._second_began = self._renewed_at = 0.0
        self._left_out = False

    def tell(self, delta: Delta) -> None:
        """Tell this next, unless there is too much."""
        self._in_this_second += 1
        if self._in_this_second > MOST_A_SECOND:
            self._left_out = True
        if self._left_out:
            return
        try:
            self.recent.add(encode(delta))
        except UnicodeEncodeError:  # of another publisher: half of a surrogate pair is no text
            log.debug("no page is told of what is no text", exc_info=True)
            return
        self._wake()

    def item(self, id: str, item: Item | None, saved: Sequence[str] = ()) -> None:
        """The database has this item, or none; on top of it comes what waits."""
        delta = self._delta(id, item)
        told = self._told.get(id)
        if saved or told is None or told[1] != hash(delta):
            self.tell(msgspec.structs.replace(delta, saved=saved))
        self._told[id] = hash(item), hash(delta)
        self._told.move_to_end(id)
        if len(self._told) > MOST_TOLD:
            self._told.popitem(last=False)

    def _delta(self, id: str, item: Item | None) -> ItemDelta | GoneDelta:
        shown, waiting = self.unsaved.over(id, item)
        if shown is None:
            return GoneDelta(id)
        failed = self.failed.get(id)
        state = "accepted" if waiting else "saved"
        failure = failed.failure if failed else None
        return ItemDelta(item_json(shown, state, tuple(waiting), failure))

    def is_news(self, id: str, item: Item | None) -> bool:
        """Whether pages were told something else of it last."""
        told = self._told.get(id)
        return told is None or told[0] != hash(item)

    def failure(self, failed: Failed) -> None:
        """A change was given up."""
        self._told.pop(failed.item_id, None)  # it may come to be as it was told before
        reason, letter = failed.failure.reason, failed.letter.id
        self.tell(FailedDelta(failed.item_id, failed.change, reason, letter))

    def state(self, status: StatusDelta) -> None:
        """How queue and database are."""
        if status != self.status:
            self.status = status
            self._wake()

    def look_back(self, now: float) -> None:
        """Where something was left out, let the pages read the list again; at most every two seconds."""
        if now - self._second_began < 1:
            return
        calm = self._in_this_second <= MOST_A_SECOND
        self._in_this_second, self._second_began = 0, now
        if self._left_out and (calm or now - self._renewed_at >= RESETS_APART):
            self._left_out = not calm
            self.renew(now)

    def renew(self, now: float) -> None:
        """Something may have been missed: every page reads the list again."""
        self._renewed_at = now
        self.recent.renew()
        self._wake()
