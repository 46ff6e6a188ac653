"""Dead letters: a stream of them, each with its reason in JSON and the message's bytes as they were."""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

import msgspec

from dovetail.errors import DeadLetterNotFound
from dovetail.letters import DeadLetter, LetterFilter
from dovetail.transport import Done, Mend
from dovetail.transports.redis.client import Client
from dovetail.transports.redis.entry import Fields, content_of, fields_of
from dovetail.transports.redis.layout import TAG
from dovetail.uninterrupted import uninterrupted

_STREAM, _COUNTS = f"{TAG}:dead", f"{TAG}:dead:counts"
_ID = re.compile(r"\d{1,19}-\d{1,19}")
#: Letters read in one go, until it is seen how large they are; and about how many bytes of them.
_PAGE, _PAGE_BYTES = 200, 4 * 1024 * 1024

#: The fields of a message that a letter is replayed as; none to drop it.
_Replayed = Callable[[DeadLetter], Sequence[str | bytes]]


class Letterbox:
    """Lists, replays and drops dead letters."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def find(self, wanted: LetterFilter) -> Sequence[DeadLetter]:
        """As Transport.dead_letters."""
        found: list[DeadLetter] = []
        async for page in self._those(wanted, newest_first=True):
            found += page
        return found

    async def count(self, wanted: LetterFilter) -> Mapping[str, int]:
        """As Transport.count_letters."""
        counts: Counter[str] = Counter()
        if wanted.by_place_alone and wanted.subject is None:
            for name, count in (await self._client.run("HGETALL", _COUNTS)).items():
                group = name.decode().partition(":")[0]
                if wanted.group in (None, group):
                    counts[group] += int(count)
            return counts
        async for page in self._those(msgspec.structs.replace(wanted, most=None)):
            counts.update(one.group for one in page)
        return counts

    async def _those(
        self, wanted: LetterFilter, *, newest_first: bool = False
    ) -> AsyncIterator[list[DeadLetter]]:
        """Those that match, `wanted.most` at most, which are the newest."""
        left = wanted.most
        async for page in self._pages(wanted, newest_first=newest_first or left is not None):
            found = [one for one in map(_letter, page) if wanted.takes(one)][:left]
            yield found
            if left is not None and (left := left - len(found)) <= 0:
                return

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
        count = _PAGE // 10
        while page := await self._client.run(command, _STREAM, start, end, "COUNT", count):
            yield page
            start = f"({page[-1][0].decode()}"
            size = sum(len(field) for _, fields in page for field in fields)
            count = max(1, min(_PAGE, _PAGE_BYTES * len(page) // max(1, size)))

    async def replay(self, letter: DeadLetter, body: bytes) -> None:
        """As Transport.replay."""
        if not await self._remove([letter], lambda one: fields_of(body, one.headers, one.subject)):
            raise DeadLetterNotFound(letter.id)

    async def drop(self, letter: DeadLetter) -> None:
        """As Transport.drop."""
        if not await self._remove([letter], _dropped):
            raise DeadLetterNotFound(letter.id)

    async def replay_all(self, wanted: LetterFilter, mend: Mend, done: Done) -> None:
        """As Transport.replay_letters."""
        await self._remove_all(
            wanted, lambda one: fields_of(mend(one), one.headers, one.subject), done
        )

    async def drop_all(self, wanted: LetterFilter, done: Done) -> None:
        """As Transport.drop_letters."""
        await self._remove_all(wanted, _dropped, done)

    async def _remove_all(self, wanted: LetterFilter, replayed: _Replayed, done: Done) -> None:
        async def remove(page: Sequence[DeadLetter]) -> None:
            done(await self._remove(page, replayed))

        async for page in self._those(wanted):
            if page:
                await uninterrupted(remove(page))

    async def _remove(
        self, letters: Sequence[DeadLetter], replayed: _Replayed
    ) -> Sequence[DeadLetter]:
        """Those that were there: nobody else replays or drops them."""
        arguments: list[str | bytes | int] = [secrets.token_hex(8)]
        for one in letters:
            fields = replayed(one)
            arguments += [one.id, one.group, one.claimed, len(fields), *fields]
        said: bytes = await self._client.script("drop", *arguments)
        return [one for one, was_there in zip(letters, said, strict=True) if was_there == ord("1")]


def _dropped(_: DeadLetter) -> Sequence[str | bytes]:
    return ()


def _parts(id: str) -> tuple[int, ...]:
    return tuple(map(int, id.split("-")))


def _letter(entry: tuple[bytes, Fields]) -> DeadLetter:
    letter_id, fields = entry
    body, headers, _ = content_of(fields)
    about = msgspec.json.decode((headers or {})["letter"], type=DeadLetter)
    return msgspec.structs.replace(about, id=letter_id.decode(), body=body)
