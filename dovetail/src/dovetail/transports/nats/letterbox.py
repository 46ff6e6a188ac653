"""Dead letters on JetStream: the message as it was, with the reason in one header."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence

import msgspec

from dovetail.delivery import Outgoing
from dovetail.errors import DeadLetterNotFound
from dovetail.letters import DeadLetter, LetterFilter
from dovetail.transport import Done, Mend
from dovetail.transports.nats import layout
from dovetail.transports.nats.headers import header_block
from dovetail.transports.nats.jetstream import ApiError, JetStream
from dovetail.transports.nats.letter_pages import HEADER, LetterPages
from dovetail.transports.nats.publisher import Publisher
from dovetail.transports.nats.wire import HEADROOM_BYTES
from dovetail.uninterrupted import uninterrupted


class Letterbox:
    """Keeps, lists, replays and drops dead letters."""

    def __init__(self, api: JetStream, publisher: Publisher) -> None:
        self._api = api
        self._publisher = publisher
        self._pages = LetterPages(api)

    async def keep(self, letter: DeadLetter, id: str) -> None:
        """Keep the letter; a second time with the same id changes nothing."""
        headers, body = _headers(letter, id), letter.body
        most = self._publisher.most_bytes
        if len(headers) > HEADROOM_BYTES // 2 or len(headers) + len(body) > most:
            letter = msgspec.structs.replace(
                letter, traceback="", headers=None, reason=letter.reason[:1000]
            )
            headers = _headers(letter, id)
        if (room := most - len(headers)) < len(body):  # never a message of ours: they leave room
            kept = room - 200
            reason = f"{letter.reason} (kept are {kept} of {len(body)} bytes, the most there is room for)"
            headers = _headers(msgspec.structs.replace(letter, reason=reason), id)
            body = body[:kept]
        await self._publisher.publish(
            f"dovetail.dead.{letter.group}.{letter.subject}", body, headers
        )

    async def find(self, wanted: LetterFilter) -> Sequence[DeadLetter]:
        """As Transport.dead_letters."""
        found: list[DeadLetter] = []
        async for page in self._those(wanted, newest_first=True):
            found += page
        return found

    async def count(self, wanted: LetterFilter) -> Mapping[str, int]:
        """As Transport.count_letters."""
        counts: Counter[str] = Counter()
        if wanted.by_place_alone:
            for name, count in (await self._pages.counts(wanted)).items():
                counts[name.partition(".")[0]] += count
            return counts
        async for page in self._those(msgspec.structs.replace(wanted, most=None)):
            counts.update(one.group for one in page)
        return counts

    async def _those(
        self, wanted: LetterFilter, *, newest_first: bool = False
    ) -> AsyncIterator[list[DeadLetter]]:
        """Those that match, `wanted.most` at most, which are the newest."""
        if wanted.ids is not None:
            found = (await self._pages.with_ids(wanted))[::-1]
            yield found if wanted.most is None else found[: wanted.most]
            return
        left, pages = wanted.most, self._pages
        backwards = newest_first or left is not None
        async for page in pages.backwards(wanted) if backwards else pages.forwards(wanted):
            yield page if left is None else page[:left]
            if left is not None and (left := left - len(page)) <= 0:
                return

    async def replay(self, letter: DeadLetter, body: bytes) -> None:
        """As Transport.replay."""
        replayed: list[DeadLetter] = []
        if await self._pages.with_ids(LetterFilter(ids=frozenset([letter.id]))):
            await uninterrupted(self._replay([letter], lambda _: body, replayed.extend))
        if not replayed:
            raise DeadLetterNotFound(letter.id)

    async def drop(self, letter: DeadLetter) -> None:
        """As Transport.drop."""
        if not await self._delete(letter):
            raise DeadLetterNotFound(letter.id)

    async def replay_all(self, wanted: LetterFilter, mend: Mend, done: Done) -> None:
        """As Transport.replay_letters."""
        async for page in self._those(wanted):
            await uninterrupted(self._replay(page, mend, done))

    async def drop_all(self, wanted: LetterFilter, done: Done) -> None:
        """As Transport.drop_letters."""
        async for page in self._those(wanted):
            await uninterrupted(self._drop(page, done))

    async def _replay(self, letters: Sequence[DeadLetter], mend: Mend, done: Done) -> None:
        await self._publisher.publish_each([_replayed(one, mend(one)) for one in letters])
        await self._drop(letters, done)

    async def _drop(self, letters: Sequence[DeadLetter], done: Done) -> None:
        """Tell of those that are gone by this: nobody else replays or drops them."""
        ends = await asyncio.gather(*map(self._delete, letters), return_exceptions=True)
        done([one for one, end in zip(letters, ends, strict=True) if end is True])
        for end in ends:
            if isinstance(end, BaseException):
                raise end

    async def _delete(self, letter: DeadLetter) -> bool:
        """Whether it was there."""
        wanted = {"seq": int(letter.id), "no_erase": True}
        try:
            await self._api.call(f"STREAM.MSG.DELETE.{layout.DEAD}", wanted)
        except ApiError as error:
            if not error.nothing_to_delete:
                raise
            return False
        return True

    async def counts(self) -> dict[str, int]:
        """How many there are, by `<group>.<subject>`."""
        return await self._pages.counts(LetterFilter())


def _replayed(letter: DeadLetter, body: bytes) -> tuple[Outgoing, bytes]:
    # The id makes a replay that is repeated, because dropping failed or somebody else was faster, harmless.
    headers = header_block({**(letter.headers or {}), "Nats-Msg-Id": f"replay-{letter.id}"})
    if letter.kind == "event":
        subject = layout.replay_subject(letter.group, letter.claimed, letter.subject)
        return Outgoing("event", subject, body, ""), headers
    return Outgoing("command", letter.subject, body, ""), headers


def _headers(letter: DeadLetter, id: str) -> bytes:
    about = msgspec.structs.replace(letter, body=b"")
    return header_block({"Nats-Msg-Id": id, HEADER: msgspec.json.encode(about).decode()})
