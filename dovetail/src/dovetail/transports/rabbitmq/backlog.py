"""Where in the streams the first message lies that a claim has yet to handle, found from their ends on back.

A queue does not tell what is first in it. But it is in order: what waits are the newest messages of its claim
in the streams. One that waits since long ago, behind much that others have handled, is not looked for
for ever; then it is told how old it is at least, or about.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from dovetail.transports.rabbitmq import limits, streams
from dovetail.transports.rabbitmq.claims import RegisteredClaim
from dovetail.transports.rabbitmq.delivery import published
from dovetail.transports.rabbitmq.frames import Content
from dovetail.transports.rabbitmq.topology import HISTORY, UNCLAIMED
from dovetail.transports.rabbitmq.wire import Wire


class Position(NamedTuple):
    """Where a message lies."""

    stream: str
    offset: int
    #: Seconds of Unix time; 0 where it is not known.
    published: float
    #: Whether it is only about there.
    estimated: bool = False


@dataclass
class _Search:
    """For the first message of one claim."""

    #: How many of the newest are still to be passed, the wanted one included.
    left: int
    passed: int = 0
    #: The oldest that was passed.
    oldest: Position | None = None
    found: Position | None = None


@dataclass
class BacklogSearch:
    """One look. `ends` says where each stream begins, and where it ends."""

    wire: Wire
    ends: Mapping[str, range]
    #: By the clock of the event loop; it ends about then.
    deadline: float = math.inf
    #: By exchange and routing key, which claims a message belongs to.
    _claims: dict[tuple[str, str], list[RegisteredClaim]] = field(default_factory=dict)

    async def first_waiting(
        self, ready: Mapping[RegisteredClaim, int]
    ) -> dict[RegisteredClaim, Position]:
        """Of the newest `ready` messages of each claim the first."""
        searches = {claim: _Search(count) for claim, count in ready.items() if count}
        seen, lowest = 0, Position(HISTORY, 0, 0.0)
        for stream in (HISTORY, UNCLAIMED):  # what had been claimed by nobody came before
            whole, size = self.ends[stream], limits.FIRST_WINDOW
            below = whole.stop
            while below > whole.start and not _all_found(searches):
                window = range(max(whole.start, below - size), below)
                contents = await self._read(stream, window)
                if contents is None:
                    return await self._estimates(searches, seen, lowest)
                self._pass(contents, stream, searches)
                seen, below, size = seen + len(window), window.start, _next_size(size)
                if contents:
                    lowest = _position(stream, *contents[0])
        positions = {claim: search.found or search.oldest for claim, search in searches.items()}
        return {claim: position for claim, position in positions.items() if position}

    async def _read(self, stream: str, window: range) -> list[tuple[int, Content]] | None:
        """What is there, by offset; None where there is no time for that."""
        found: list[tuple[int, Content]] = []
        clock = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout_at(None if self.deadline == math.inf else self.deadline):
                async for part in streams.within(self.wire, stream, window):
                    for one in part:
                        one[1].body = b""  # what is kept of many is to be small
                    found += part
        except TimeoutError:
            return None
        return None if clock() > self.deadline else found

    def _pass(
        self,
        contents: Sequence[tuple[int, Content]],
        stream: str,
        searches: Mapping[RegisteredClaim, _Search],
    ) -> None:
        mine: dict[RegisteredClaim, list[tuple[int, Content]]] = {}
        for one in contents:
            for claim in self._claims_of(one[1], searches):
                mine.setdefault(claim, []).append(one)
        for claim, those in mine.items():
            search = searches[claim]
            if search.found is not None:
                continue
            if len(those) >= search.left:
                search.found = _position(stream, *those[-search.left])
                continue
            search.left -= len(those)
            search.passed += len(those)
            search.oldest = _position(stream, *those[0])

    def _claims_of(
        self, content: Content, searches: Mapping[RegisteredClaim, _Search]
    ) -> list[RegisteredClaim]:
        key = content.exchange, content.key
        known = self._claims.get(key)
        if known is None:
            known = self._claims[key] = [one for one in searches if one.takes(content)]
        return known

    async def _estimates(
        self, searches: Mapping[RegisteredClaim, _Search], seen: int, lowest: Position
    ) -> dict[RegisteredClaim, Position]:
        """What was found, and where the rest is by what was seen so far."""
        found: dict[RegisteredClaim, Position] = {}
        offsets: dict[RegisteredClaim, int] = {}
        for claim, search in searches.items():
            found[claim] = search.found or lowest._replace(estimated=True)
            if search.found is None and search.passed and lowest.stream == HISTORY:
                offsets[claim] = lowest.offset - round(search.left * seen / search.passed)
        with suppress(TimeoutError):
            async with asyncio.timeout(limits.NEAR_SECONDS):
                near = await asyncio.gather(*map(self._near, offsets.values()))
                found.update(zip(offsets, near, strict=True))
        return found

    async def _near(self, offset: int) -> Position:
        """About there in the history."""
        whole = self.ends[HISTORY]
        at = max(whole.start, min(offset, whole.stop - 1))
        found = Position(HISTORY, at, 0.0, estimated=True)
        async for part in streams.within(self.wire, HISTORY, range(at, at + 1)):
            found = _position(HISTORY, *part[0])._replace(estimated=True)
        return found


def _all_found(searches: Mapping[RegisteredClaim, _Search]) -> bool:
    return all(one.found is not None for one in searches.values())


def _next_size(size: int) -> int:
    return min(limits.LARGEST_WINDOW, size * 4)


def _position(stream: str, offset: int, content: Content) -> Position:
    return Position(stream, offset, published(content))
