"""The content of the list for one address: what is saved, with all that waits to be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta, tzinfo

from dovetail import MessageQueue
from todo.events import ItemRestored
from todo.items import Item
from todo.search.results import How, search
from todo.store import Store, StoreChanged, StoreDamaged, StoreUnavailable
from todo.store.query import Counts, InvalidCursor, Page, Query
from todo.waiting_changes import ShownItem, WaitingChanges, read_waiting, with_waiting
from todo.web.failures import Failed, never_added
from todo.web.list_filter import Day, comes_before, matches, sorted_as
from todo.web.list_query import ListQuery

#: Saved items on one page, and on one that scripts read while somebody scrolls.
PAGE_SIZE, SCROLLED_SIZE = 50, 250
#: Items that may stand apart because they are due; where there are more, none does.
MOST_NOW = 200
#: What is due today here may be due two days later as it is written elsewhere.
_ELSEWHERE = timedelta(2)
#: Waiting items and changes that are looked at; the longest waiting ones.
MOST_WAITING = 500


@dataclass(frozen=True)
class ListContents:
    """One page of the list."""

    asked: ListQuery
    #: Those that are overdue or due today, where they stand apart.
    now: Sequence[ShownItem] = ()
    rest: Sequence[ShownItem] = ()
    next: str | None = None
    #: Of all items, whatever the page shows; None where that cannot be read.
    counts: Counts | None = None
    #: How many of them the database has; None where that cannot be read.
    saved: int | None = None
    tags: Sequence[tuple[str, int]] = ()
    #: Changes that are accepted and not yet saved, or at least so many.
    waiting: int = 0
    waiting_more: bool = False
    #: How words were looked for.
    search: How = "full"
    #: What cannot be reached, as a key of the language's file.
    trouble: str = ""
    #: Neither queue nor database can be reached.
    unreadable: bool = False

    @property
    def empty(self) -> bool:
        """Whether it shows nothing, and nothing hinders it."""
        return not (self.now or self.rest or self.trouble)

    def with_lost(self, failed: Sequence[Failed]) -> ListContents:
        """The same with the items that could not be added, which are nowhere but in the dead letters."""
        there = {one.item.id for one in (*self.now, *self.rest)}
        lost = [ShownItem(item) for item in never_added(failed, there)]
        return replace(self, rest=[*lost, *self.rest]) if lost else self


async def read_contents(
    queue: MessageQueue,
    store: Store,
    asked: ListQuery,
    today: date,
    *,
    zone: tzinfo | None = None,
    scrolled: bool = False,
) -> ListContents:
    """One page of the list, longer if `scrolled`; what cannot be reached is left out and marked."""
    day = Day(today.isoformat(), zone)
    size = SCROLLED_SIZE if scrolled else PAGE_SIZE
    # First the queue and then the table: what is acked in between is in the table by then.
    waiting = await read_waiting(queue, MOST_WAITING)
    trouble = "trouble_queue" if waiting.unreachable else ""
    try:
        contents = await _read(queue, store, asked, day, waiting, size)
    except StoreUnavailable as error:
        damaged = isinstance(error, StoreChanged | StoreDamaged)
        only_waiting = _only_waiting(asked, day, waiting)
        contents = replace(only_waiting, unreadable=waiting.unreachable)
        trouble = "trouble_damaged" if damaged else "trouble_database"
    return replace(contents, waiting=waiting.total, waiting_more=waiting.more, trouble=trouble)


async def _read(
    queue: MessageQueue,
    store: Store,
    asked: ListQuery,
    day: Day,
    waiting: WaitingChanges,
    size: int,
) -> ListContents:
    # The queue may tell what was saved out of turn, too, of which no event comes any more. Asked before items
    # are read: what is saved after they were must not be missing in both.
    waiting = waiting.only(await store.missing([item.id for item in waiting.items]))
    waiting = waiting.without(await store.saved_changes(waiting.changes))
    query, now = query_of(asked), Page([])
    split = apart(asked)
    if split:
        now, day = await _now(store, query, day)
        split = now.next is None
    if split:
        query = replace(query, no_due_until=day.date)
    page, how = await _page(queue, store, query, asked.after, size)
    changed, removed = await _changed(store, waiting)
    there = await store.counts()
    counts = _counted(there, waiting, changed, removed)
    shown = with_waiting(_once(page.items, now.items if split else (), changed, removed), waiting)
    if asked.q and how == "full":
        contents = ListContents(asked, rest=_found(shown, page.items, asked))
    else:
        due_now = day if split else None
        shown = [one for one in shown if _belongs(one, asked, page, due_now)]
        contents = _arranged(asked, day, shown, split=split)
    tags = await store.tags()
    return replace(
        contents, next=page.next, counts=counts, saved=there.total, tags=tags, search=how
    )


async def _now(store: Store, query: Query, day: Day) -> tuple[Page, Day]:
    """What is due now, and how that was told: by the dates as they are written, where many are due soon."""
    due = replace(query, status="active", sort="due")
    last = (date.fromisoformat(day.date) + _ELSEWHERE).isoformat()
    soon = await store.page(replace(due, due_until=last), limit=MOST_NOW)
    if soon.next is None:
        return Page([one for one in soon.items if day.is_now(one)]), day
    written = await store.page(replace(due, due_until=day.date), limit=MOST_NOW)
    return written, replace(day, by_moment=False)


def _once(*lists: Iterable[Item]) -> list[Item]:
    return list({item.id: item for items in lists for item in items}.values())


def query_of(asked: ListQuery) -> Query:
    """What to ask the database for."""
    return Query(status=asked.status, q=asked.q, tag=asked.tag, sort=asked.sort)


def apart(asked: ListQuery) -> bool:
    """Whether what is due now stands apart. What is searched for has one order only."""
    return not asked.q and asked.status != "done"


async def _page(
    queue: MessageQueue, store: Store, query: Query, after: str, size: int
) -> tuple[Page, How]:
    try:
        return await search(queue, store, query, after=after or None, limit=size)
    except InvalidCursor:
        return await search(queue, store, query, limit=size)


async def _changed(store: Store, waiting: WaitingChanges) -> tuple[list[Item], list[Item]]:
    """The saved items that waiting changes are about, and removed ones that they bring back."""
    ids = {change.id for change in waiting.changes}
    back = {change.id for change in waiting.changes if isinstance(change, ItemRestored)}
    # In this order: what is brought back in between is in one of the two.
    removed = await store.removed(list(back)) if back else []
    changed = await store.items(list(ids)) if ids else []
    return changed, removed


def _only_waiting(asked: ListQuery, day: Day, waiting: WaitingChanges) -> ListContents:
    """What there is without a database."""
    shown = [one for one in with_waiting((), waiting) if matches(one.item, asked)]
    return _arranged(asked, day, shown, split=apart(asked))


def _belongs(shown: ShownItem, asked: ListQuery, page: Page, due_now: Day | None) -> bool:
    """Whether what was asked for includes it, and neither the page before nor the next will show it.

    `due_now` is the day until which it stands apart, whatever its place.
    """
    item = shown.item
    if shown.state == "saved":
        return True
    if not matches(item, asked):
        return False
    if not page.items or (due_now and due_now.is_now(item)):
        return True
    if asked.after and comes_before(asked.sort, item, page.items[0]):
        return False
    return page.next is None or not comes_before(asked.sort, page.items[-1], item)


def _arranged(
    asked: ListQuery, day: Day, shown: Iterable[ShownItem], *, split: bool
) -> ListContents:
    """What is due now apart from the rest, where it is to be; it is on the first page."""
    ordered = list(shown)
    if any(one.state != "saved" for one in ordered):  # else they are in the database's order
        ordered = sorted_as(asked.sort, ordered)
    if not split:
        return ListContents(asked, rest=ordered)
    now = [one for one in ordered if day.is_now(one.item)]
    rest = [one for one in ordered if not day.is_now(one.item)]
    return ListContents(asked, () if asked.after else sorted_as("due", now), rest)


def _found(shown: Sequence[ShownItem], hits: Sequence[Item], asked: ListQuery) -> list[ShownItem]:
    """Those that the search has found, in its order, unless they are about to change; first what is new."""
    by_id = {one.item.id: one for one in shown}
    stay = [
        one
        for hit in hits
        if (one := by_id.pop(hit.id, None)) and (one.state == "saved" or matches(one.item, asked))
    ]
    new = [one for one in by_id.values() if matches(one.item, asked)]
    return stay if asked.after else [*new, *stay]


def _counted(
    counts: Counts, waiting: WaitingChanges, changed: Sequence[Item], removed: Sequence[Item]
) -> Counts:
    """What the numbers will be once all of this is saved."""
    after = [one.item for one in with_waiting([*changed, *removed], waiting)]
    done = sum(item.done for item in after) - sum(item.done for item in changed)
    active = len(after) - len(changed) - done
    return replace(counts, active=max(0, counts.active + active), done=max(0, counts.done + done))
