"""Reading dead letters from their stream, page by page, in either direction."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

from dovetail.dead_letter import DeadLetter, LetterFilter
from dovetail.limits import FIRST_PAGE, PAGE, PAGE_BYTES
from dovetail.transports.common.dead_letters import letter_of
from dovetail.transports.nats import topology
from dovetail.transports.nats.jetstream import JetStream
from dovetail.transports.nats.stream_reader import StoredMessage, StreamReader

log = logging.getLogger("dovetail.nats")

#: The header field that says all of a letter but its body.
HEADER = "Dovetail-Letter"


class DeadLetterPages:
    """Reads; changes nothing. Pages hold what matches, and may be empty."""

    def __init__(self, api: JetStream, reader: StreamReader) -> None:
        self._api = api
        self._reader = reader

    async def state(self, subject: str = ">") -> dict[str, Any]:
        """The stream's, with how many each subject has; it is not there before the first worker was."""
        info = await self._api.stream(topology.DEAD, subject)
        if info is None:
            return {"first_seq": 1, "last_seq": 0}
        state: dict[str, Any] = info["state"]
        return state

    async def counts(self, wanted: LetterFilter) -> dict[str, int]:
        """How many there are of what group and subject say, by `<group>.<subject>`."""
        found = (await self.state(_subject(wanted))).get("subjects") or {}
        return {
            subject.removeprefix(topology.DEAD_PREFIX): count for subject, count in found.items()
        }

    async def with_ids(self, wanted: LetterFilter) -> AsyncIterator[list[DeadLetter]]:
        """Those of these ids that match, newest first, in one page."""
        last = (await self.state())["last_seq"]
        numbers = sorted(int(one) for one in wanted.ids or () if one.isdecimal() and len(one) < 20)
        known = [one for one in numbers if 0 < one <= last]
        yield _those_wanted(wanted, await self._reader.messages(topology.DEAD, known))[::-1]

    async def forwards(self, wanted: LetterFilter) -> AsyncIterator[list[DeadLetter]]:
        """Those that are there now, oldest first."""
        state = await self.state()
        left, most = range(state["first_seq"], state["last_seq"] + 1), FIRST_PAGE
        while page := await self._page(wanted, left, most):
            yield _those_wanted(wanted, page)
            left, most = range(page[-1].sequence + 1, left.stop), PAGE

    async def backwards(self, wanted: LetterFilter) -> AsyncIterator[list[DeadLetter]]:
        """Those that are there now, newest first."""
        state = await self.state()
        first, stop, width = state["first_seq"], state["last_seq"] + 1, PAGE
        while first < stop:
            # What was replayed or dropped leaves gaps: where there is little, go further at once.
            span = range(max(first, stop - width), stop)
            page = await self._whole(wanted, span)
            if page is None:
                width = max(PAGE, width // 4)
                continue
            yield _those_wanted(wanted, page)[::-1]
            stop = span.start
            if len(page) < PAGE // 8:
                width *= 4

    async def _whole(self, wanted: LetterFilter, span: range) -> list[StoredMessage] | None:
        """All of a span; None where it is a wide one and holds more than a page."""
        found: list[StoredMessage] = []
        left = span
        while page := await self._page(wanted, left, PAGE + 1):
            found += page
            if len(found) > PAGE and len(span) > PAGE:
                return None
            left = range(page[-1].sequence + 1, span.stop)
        return found

    async def _page(self, wanted: LetterFilter, within: range, most: int) -> list[StoredMessage]:
        return await self._reader.page(topology.DEAD, _subject(wanted), within, most, PAGE_BYTES)


def _subject(wanted: LetterFilter) -> str:
    """What the server is asked for: the letters of a group, or on a subject."""
    return f"{topology.DEAD_PREFIX}{wanted.group or '*'}.{wanted.subject or '>'}"


def _those_wanted(wanted: LetterFilter, page: list[StoredMessage]) -> list[DeadLetter]:
    return [one for one in map(_letter, page) if one is not None and wanted.takes(one)]


def _letter(message: StoredMessage) -> DeadLetter | None:
    return letter_of(message.headers.get(HEADER, ""), str(message.sequence), message.body, log)
