"""Dead letters on JetStream: the message as it was, with the reason in one header."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial

import msgspec

from dovetail.dead_letter import DeadLetter, LetterFilter
from dovetail.delivery import Outgoing
from dovetail.transport import Done, Mend
from dovetail.transports.common.dead_letters import (
    all_of,
    at_most,
    count_by_group,
    in_steps,
    reason_of,
)
from dovetail.transports.nats import topology
from dovetail.transports.nats.api_errors import ApiError
from dovetail.transports.nats.dead_letter_pages import HEADER, DeadLetterPages
from dovetail.transports.nats.headers import header_block
from dovetail.transports.nats.jetstream import JetStream
from dovetail.transports.nats.limits import CUT_NOTE_BYTES, HEADROOM_BYTES, SHORT_REASON
from dovetail.transports.nats.publisher import Publisher
from dovetail.transports.nats.stream_reader import StreamReader

#: What the server says of a message that it republished, in lower case. Others instruct it.
_TELLS = {"nats-stream", "nats-subject", "nats-sequence", "nats-time-stamp", "nats-last-sequence"}


class DeadLetterStore:
    """Keeps, lists, replays and drops dead letters."""

    def __init__(self, api: JetStream, reader: StreamReader, publisher: Publisher) -> None:
        self._api = api
        self._publisher = publisher
        self._pages = DeadLetterPages(api, reader)

    async def keep(self, letter: DeadLetter, id: str) -> None:
        """Keep the letter; a second time with the same id changes nothing."""
        headers, body = _headers(letter, id), letter.body
        most = self._publisher.most_bytes
        if len(headers) > HEADROOM_BYTES // 2 or len(headers) + len(body) > most:
            letter = msgspec.structs.replace(
                letter, traceback="", headers=None, reason=letter.reason[:SHORT_REASON]
            )
            headers = _headers(letter, id)
        if (room := most - len(headers)) < len(body):  # never a message of ours: they leave room
            kept = room - CUT_NOTE_BYTES
            reason = f"{letter.reason} (kept are {kept} of {len(body)} bytes, the most there is room for)"
            headers = _headers(msgspec.structs.replace(letter, reason=reason), id)
            body = body[:kept]
        await self._publisher.publish(
            f"{topology.DEAD_PREFIX}{letter.group}.{letter.subject}", body, headers
        )

    async def find(self, wanted: LetterFilter) -> Sequence[DeadLetter]:
        return await all_of(self._matching(wanted, newest_first=True))

    async def count(self, wanted: LetterFilter) -> Mapping[str, int]:
        if not wanted.by_place_alone:
            return await count_by_group(self._matching(msgspec.structs.replace(wanted, most=None)))
        counts: Counter[str] = Counter()
        for name, count in (await self._pages.counts(wanted)).items():
            counts[name.partition(".")[0]] += count
        return counts

    async def counts(self) -> dict[str, int]:
        """How many there are, by `<group>.<subject>`."""
        return await self._pages.counts(LetterFilter())

    async def replay(self, wanted: LetterFilter, mend: Mend, done: Done) -> None:
        await in_steps(self._matching(wanted), partial(self._replay, mend, done))

    async def drop(self, wanted: LetterFilter, done: Done) -> None:
        await in_steps(self._matching(wanted), partial(self._drop, done))

    def _matching(
        self, wanted: LetterFilter, *, newest_first: bool = False
    ) -> AsyncIterator[list[DeadLetter]]:
        """Those that match, `wanted.most` at most, which are the newest."""
        if wanted.ids is not None:
            pages = self._pages.with_ids(wanted)
        elif newest_first or wanted.most is not None:
            pages = self._pages.backwards(wanted)
        else:
            pages = self._pages.forwards(wanted)
        return at_most(pages, wanted.most)

    async def _replay(self, mend: Mend, done: Done, letters: Sequence[DeadLetter]) -> None:
        """One that the queue refuses does not keep the others: they would come again at each try."""
        replayed = [_replayed(one, mend(one)) for one in letters]
        ends = await asyncio.gather(
            *(self._publisher.publish_each([one]) for one in replayed), return_exceptions=True
        )
        await self._drop(done, [one for one, end in zip(letters, ends, strict=True) if end is None])
        for end in ends:
            if end is not None:
                raise end

    async def _drop(self, done: Done, letters: Sequence[DeadLetter]) -> None:
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
            await self._api.call(f"STREAM.MSG.DELETE.{topology.DEAD}", wanted)
        except ApiError as error:
            if not error.nothing_to_delete:
                raise
            # Where the first answer was lost, it was us, or somebody else in that very moment.
            return error.again
        return True


def _replayed(letter: DeadLetter, body: bytes) -> tuple[Outgoing, bytes]:
    # The id makes a replay that is repeated, because dropping failed or somebody else was faster, harmless.
    kept = {name: value for name, value in (letter.headers or {}).items() if not _instructs(name)}
    headers = header_block({**kept, "Nats-Msg-Id": f"replay-{letter.id}"})
    if letter.kind == "event":
        subject = topology.replay_subject(letter.group, letter.claimed, letter.subject)
        return Outgoing("event", subject, body, ""), headers
    return Outgoing("command", letter.subject, body, ""), headers


def _instructs(header: str) -> bool:
    """Whether it tells the server what to do: it did that once, when the message was published.

    To expect the last sequence of then, or to roll up what came since, is wrong at a replay.
    """
    name = header.lower()
    return name.startswith("nats-") and name not in _TELLS


def _headers(letter: DeadLetter, id: str) -> bytes:
    return header_block({"Nats-Msg-Id": id, HEADER: reason_of(letter).decode()})
