"""Dead letters: a stream of them, each with its reason in JSON and the message's bytes as they were."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from dovetail import clock
from dovetail.dead_letter import DeadLetter, LetterFilter
from dovetail.limits import FIRST_PAGE, PAGE, PAGE_BYTES
from dovetail.transport import Done, Mend
from dovetail.transports.common.dead_letters import (
    all_of,
    at_most,
    count_by_group,
    in_steps,
    letter_of,
    reason_of,
)
from dovetail.transports.redis.client import Client
from dovetail.transports.redis.entries import Fields, content_of, fields_of
from dovetail.transports.redis.topology import TAG, Member

log = logging.getLogger("dovetail.redis")

_STREAM, _COUNTS = f"{TAG}:dead", f"{TAG}:dead:counts"
_ID = re.compile(r"\d{1,19}-\d{1,19}")

#: The fields of a message that a letter is replayed as; none to drop it.
_Replayed = Callable[[DeadLetter], Sequence[str | bytes]]


class DeadLetterStore:
    """Keeps, lists, replays and drops dead letters."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def keep(self, member: Member, stream: str, id: bytes, letter: DeadLetter) -> None:
        """In one step with removing the entry of this id, which the member has in flight."""
        reason = reason_of(letter)
        await self._client.script("keep_dead_letter", *member, stream, id, reason, letter.body)

    async def find(self, wanted: LetterFilter) -> Sequence[DeadLetter]:
        pages = self._matching(wanted, newest_first=True)
        return await all_of(at_most(pages, wanted.most))

    async def count(self, wanted: LetterFilter) -> Mapping[str, int]:
        if not wanted.by_place_alone or wanted.subject is not None:
            return await count_by_group(self._matching(wanted, newest_first=False))
        counts: Counter[str] = Counter()
        for name, count in (await self._client.run("HGETALL", _COUNTS)).items():
            group = name.decode(errors="replace").partition(":")[0]
            if wanted.group in (None, group) and count.isdigit():
                counts[group] += int(count)
        return counts

    async def replay(self, wanted: LetterFilter, mend: Mend, done: Done) -> None:
        def replayed(letter: DeadLetter) -> Sequence[str | bytes]:
            return fields_of(mend(letter), letter.headers, letter.subject)

        await self._remove(wanted, replayed, done)

    async def drop(self, wanted: LetterFilter, done: Done) -> None:
        await self._remove(wanted, lambda letter: (), done)

    async def _remove(self, wanted: LetterFilter, replayed: _Replayed, done: Done) -> None:
        async def remove(letters: Sequence[DeadLetter]) -> None:
            """`done` is told those that were there: nobody else replays or drops them."""
            words: list[str | bytes | int] = [clock.token()]
            for one in letters:
                fields = replayed(one)
                words += [one.id, one.group, one.claimed, len(fields), *fields]
            said: bytes = await self._client.script("remove_dead_letters", *words)
            done([one for one, there in zip(letters, said, strict=True) if there == ord("1")])

        pages = self._matching(wanted, newest_first=wanted.most is not None)
        await in_steps(at_most(pages, wanted.most), remove)

    # Reading

    async def _matching(
        self, wanted: LetterFilter, *, newest_first: bool
    ) -> AsyncIterator[list[DeadLetter]]:
        async for page in self._pages(wanted, newest_first=newest_first):
            yield [one for one in map(_letter, page) if one is not None and wanted.takes(one)]

    async def _pages(
        self, wanted: LetterFilter, *, newest_first: bool
    ) -> AsyncIterator[Sequence[tuple[bytes, Fields]]]:
        """All that is there now."""
        if wanted.ids is not None:
            for one in sorted(filter(_ID.fullmatch, wanted.ids), key=_parts, reverse=newest_first):
                yield await self._client.run("XRANGE", _STREAM, one, one)
            return
        newest = await self._client.run("XREVRANGE", _STREAM, "+", "-", "COUNT", 1)
        if not newest:
            return
        command, start, end = "XRANGE", "-", newest[0][0].decode()
        if newest_first:
            command, start, end = "XREVRANGE", end, "-"
        count = FIRST_PAGE
        while page := await self._client.run(command, _STREAM, start, end, "COUNT", count):
            yield page
            start = f"({page[-1][0].decode()}"
            size = sum(len(field) for _, fields in page for field in fields)
            count = max(1, min(PAGE, PAGE_BYTES * len(page) // max(1, size)))


def _parts(id: str) -> tuple[int, ...]:
    return tuple(map(int, id.split("-")))


def _letter(entry: tuple[bytes, Fields]) -> DeadLetter | None:
    letter_id, fields = entry
    body, headers, _ = content_of(fields)
    return letter_of((headers or {}).get("letter", ""), letter_id.decode(), body, log)
