"""Dead letters: a queue of them for each claim."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from dovetail.codec.identifiers import new_id
from dovetail.codec.subjects import is_pattern, overlap
from dovetail.dead_letter import DeadLetter, LetterFilter
from dovetail.errors import MessageTooLarge
from dovetail.options import QueueOptions
from dovetail.transport import Done, Mend
from dovetail.transports.common.dead_letters import reason_of
from dovetail.transports.rabbitmq import claims, limits
from dovetail.transports.rabbitmq.claims import RegisteredClaim
from dovetail.transports.rabbitmq.client import Client
from dovetail.transports.rabbitmq.dead_letter_pages import DeadLetterPages, read_pages
from dovetail.transports.rabbitmq.dead_letter_removal import Removal, matching
from dovetail.transports.rabbitmq.frames import Properties
from dovetail.transports.rabbitmq.provisioning import QueuesOnDemand
from dovetail.transports.rabbitmq.publisher import Publisher
from dovetail.transports.rabbitmq.topology import LETTER, dead_of, quorum_queue

log = logging.getLogger("dovetail.rabbitmq")


class DeadLetterStore:
    """Keeps, lists, replays and drops dead letters."""

    def __init__(
        self, client: Client, publisher: Publisher, queues: QueuesOnDemand, options: QueueOptions
    ) -> None:
        self._client = client
        self._publisher = publisher
        self._queues = queues
        self._options = options

    async def bury(self, claim: RegisteredClaim, letter: DeadLetter) -> None:
        """Keep one."""
        declares = quorum_queue(dead_of(claim.queue), self._options)
        fact = msgspec.structs.replace(claim, dead=True)
        properties = Properties(delivery_mode=2, message_id=new_id())
        body = reason_of(letter) + b"\n" + letter.body
        try:
            await self._queues.put(declares, fact, [(properties, body)])
        except MessageTooLarge:  # without what we add to it, it was not
            properties.headers = {LETTER: _short_reason_of(letter).decode()}
            await self._queues.put(declares, fact, [(properties, letter.body)])

    async def find(self, wanted: LetterFilter) -> Sequence[DeadLetter]:
        """Those that match, the newest first."""
        found: list[DeadLetter] = []
        for claim in await self._claims(wanted):
            found = _newest([*found, *await self._in(claim, wanted)], wanted.most)
            if wanted.ids is not None and len(found) == len(wanted.ids):
                break
        return found

    async def count(self, wanted: LetterFilter) -> Mapping[str, int]:
        """How many match, by group."""
        counts: Counter[str] = Counter()
        for claim in await self._claims(wanted):
            if wanted.by_place_alone and (wanted.subject is None or not is_pattern(claim.subject)):
                async with self._client.channel() as channel:
                    counts[claim.group] += await channel.count(dead_of(claim.queue)) or 0
            else:
                counts[claim.group] += await self._count_in(claim, wanted)
        return +counts

    async def replay(self, wanted: LetterFilter, mend: Mend, done: Done) -> None:
        """Hand those that match back to their groups."""
        await self._remove(wanted, mend, done)

    async def drop(self, wanted: LetterFilter, done: Done) -> None:
        """Delete those that match."""
        await self._remove(wanted, None, done)

    async def _remove(self, wanted: LetterFilter, mend: Mend | None, done: Done) -> None:
        registered = await self._claims(wanted)
        if wanted.most is not None:
            newest: list[DeadLetter] = []
            for claim in registered:
                newest = _newest([*newest, *await self._in(claim, wanted, bare=True)], wanted.most)
            wanted = LetterFilter(ids=frozenset(one.id for one in newest))
        for claim in registered:
            await Removal(self._publisher, claim.queue, wanted, mend, done).run()

    async def _claims(self, wanted: LetterFilter) -> list[RegisteredClaim]:
        """The claims whose dead letters may match."""
        return [
            one
            for one in (await self._client.with_wire(claims.read)).values()
            if one.dead
            and wanted.group in (None, one.group)
            and (wanted.subject is None or overlap(wanted.subject, one.subject))
        ]

    async def _in(
        self, claim: RegisteredClaim, wanted: LetterFilter, *, bare: bool = False
    ) -> list[DeadLetter]:
        """Those of one claim, newest first; `bare` ones have no body."""
        found: list[DeadLetter] = []
        ids = wanted.ids

        async def use(pages: DeadLetterPages) -> None:
            nonlocal found
            found = []
            async for page in pages.read(pages.count):
                letters = [letter for _, letter in matching(page, wanted)]
                if bare:
                    letters = [msgspec.structs.replace(one, body=b"") for one in letters]
                found = _newest([*found, *letters], wanted.most)
                if ids is not None and len(found) == len(ids):
                    return

        await read_pages(self._client, dead_of(claim.queue), use)
        return found

    async def _count_in(self, claim: RegisteredClaim, wanted: LetterFilter) -> int:
        count = 0

        async def use(pages: DeadLetterPages) -> None:
            nonlocal count
            count = 0
            async for page in pages.read(pages.count):
                count += len(matching(page, wanted))

        await read_pages(self._client, dead_of(claim.queue), use)
        return count


def _newest(letters: Sequence[DeadLetter], most: int | None) -> list[DeadLetter]:
    newest_first = sorted(letters, key=attrgetter("died_at", "id"), reverse=True)
    return newest_first[:most]


def _short_reason_of(letter: DeadLetter) -> bytes:
    """As `reason_of`, shortened to what goes into a header."""
    shorter: tuple[dict[str, Any], ...] = (
        {},
        {
            "traceback": letter.traceback[-limits.LONGEST_PART :],
            "reason": letter.reason[: limits.LONGEST_PART],
        },
        {"traceback": "", "reason": letter.reason[: limits.LONGEST_REASON], "headers": None},
    )
    reasons = [reason_of(msgspec.structs.replace(letter, **changes)) for changes in shorter]
    return next((one for one in reasons if len(one) <= limits.HEADER_BYTES), reasons[-1])
