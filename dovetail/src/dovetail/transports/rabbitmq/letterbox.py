"""Dead letters: a queue of them for each claim. Looking at one takes it away for a moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from operator import attrgetter

import msgspec

from dovetail.errors import DeadLetterNotFound
from dovetail.letters import DeadLetter, LetterFilter
from dovetail.subjects import is_pattern, overlap
from dovetail.transport import Done, Mend
from dovetail.transports.rabbitmq import registry
from dovetail.transports.rabbitmq.client import Client
from dovetail.transports.rabbitmq.layout import dead_of, queue_of
from dovetail.transports.rabbitmq.look import Look, count_of, look_at
from dovetail.transports.rabbitmq.publisher import Publisher
from dovetail.transports.rabbitmq.registry import Entry
from dovetail.transports.rabbitmq.removal import Removal, matching


class Letterbox:
    """Lists, replays and drops dead letters."""

    def __init__(self, client: Client, publisher: Publisher) -> None:
        self._client = client
        self._publisher = publisher

    async def find(self, wanted: LetterFilter) -> Sequence[DeadLetter]:
        """As Transport.dead_letters."""
        found: list[DeadLetter] = []
        for entry in await self._entries(wanted):
            found = _newest([*found, *await self._in(entry, wanted)], wanted.most)
            if wanted.ids is not None and len(found) == len(wanted.ids):
                break
        return found

    async def count(self, wanted: LetterFilter) -> Mapping[str, int]:
        """As Transport.count_letters."""
        counts: Counter[str] = Counter()
        for entry in await self._entries(wanted):
            if wanted.by_place_alone and (wanted.subject is None or not is_pattern(entry.subject)):
                async with self._client.channel() as channel:
                    counts[entry.group] += await count_of(channel, dead_of(entry.queue)) or 0
            else:
                counts[entry.group] += await self._count_in(entry, wanted)
        return +counts

    async def replay(self, letter: DeadLetter, body: bytes) -> None:
        """As Transport.replay."""
        await self._one(letter, lambda _: body)

    async def drop(self, letter: DeadLetter) -> None:
        """As Transport.drop."""
        await self._one(letter, None)

    async def replay_all(self, wanted: LetterFilter, mend: Mend, done: Done) -> None:
        """As Transport.replay_letters."""
        await self._all(wanted, mend, done)

    async def drop_all(self, wanted: LetterFilter, done: Done) -> None:
        """As Transport.drop_letters."""
        await self._all(wanted, None, done)

    async def _one(self, letter: DeadLetter, mend: Mend | None) -> None:
        gone: list[DeadLetter] = []
        wanted = LetterFilter(ids=frozenset([letter.id]))
        queue = queue_of(letter.group, letter.claimed)
        await Removal(self._publisher, queue, wanted, mend, gone.extend).run()
        if not gone:
            raise DeadLetterNotFound(letter.id)

    async def _all(self, wanted: LetterFilter, mend: Mend | None, done: Done) -> None:
        entries = await self._entries(wanted)
        if wanted.most is not None:
            newest: list[DeadLetter] = []
            for entry in entries:
                newest = _newest([*newest, *await self._in(entry, wanted, bare=True)], wanted.most)
            wanted = LetterFilter(ids=frozenset(one.id for one in newest))
        for entry in entries:
            await Removal(self._publisher, entry.queue, wanted, mend, done).run()

    async def _entries(self, wanted: LetterFilter) -> list[Entry]:
        """The claims whose dead letters may match."""
        entries = (await self._client.with_wire(registry.read)).values()
        return [
            one
            for one in entries
            if one.dead
            and wanted.group in (None, one.group)
            and (wanted.subject is None or overlap(wanted.subject, one.subject))
        ]

    async def _in(
        self, entry: Entry, wanted: LetterFilter, *, bare: bool = False
    ) -> list[DeadLetter]:
        """Those of one claim, newest first; `bare` ones have no body."""
        found: list[DeadLetter] = []
        ids = wanted.ids

        async def use(look: Look) -> None:
            nonlocal found
            found = []
            async for page in look.pages(look.count):
                letters = [letter for _, letter in matching(page, wanted)]
                if bare:
                    letters = [msgspec.structs.replace(one, body=b"") for one in letters]
                found = _newest([*found, *letters], wanted.most)
                if ids is not None and len(found) == len(ids):
                    return

        await look_at(self._client, dead_of(entry.queue), use)
        return found

    async def _count_in(self, entry: Entry, wanted: LetterFilter) -> int:
        count = 0

        async def use(look: Look) -> None:
            nonlocal count
            count = 0
            async for page in look.pages(look.count):
                count += len(matching(page, wanted))

        await look_at(self._client, dead_of(entry.queue), use)
        return count


def _newest(letters: Sequence[DeadLetter], most: int | None) -> list[DeadLetter]:
    newest_first = sorted(letters, key=attrgetter("died_at", "id"), reverse=True)
    return newest_first[:most]
