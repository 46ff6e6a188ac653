"""The calendar-handler: answers requests for the calendar of due items."""

from __future__ import annotations

from dovetail import Group
from todo.calendar import END, feed
from todo.events import CalendarPart, ReadCalendar
from todo.store import Store
from todo.store.query import Query

#: Entries in one answer: a message has room for them, and other answers need not wait for long.
PART = 40
#: All that are active and due some day.
_DUE = Query(due_until="9999-12-31", sort="due")


def calendar_handler(store: Store) -> Group:
    """Answers with the calendar, a part at a time, what is due first coming first."""
    group = Group("calendar-handler")

    @group.on(ReadCalendar)
    async def read(request: ReadCalendar) -> CalendarPart:
        page = await store.page(_DUE, after=request.after or None, limit=PART)
        text = feed.entries(page.items)
        if not request.after:
            text = feed.head() + text
        if page.next is None:
            text += END
        return CalendarPart(text, page.next or "")

    return group
