"""Removes dead letters of one claim, many of them in steps: to drop them, or to replay them, each once.

A copy goes to the group's queue, and the letter is removed when the server has confirmed that. Whoever is
killed in between, or loses the connection, would leave a letter that was replayed. So each copy goes, by the
same command, to a second queue as well: the server carries out both or neither. Whoever replays next finds
there what was replayed, and removes those letters first. In that second queue copies end with the server's
process, as does what it had not confirmed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime

from pamqp import commands
from pamqp.common import FieldTable

from dovetail.dead_letter import DeadLetter, LetterFilter
from dovetail.limits import LONGEST_ID
from dovetail.transport import Done, Mend
from dovetail.transports.common.dead_letters import letter_of
from dovetail.transports.common.uninterrupted import uninterrupted
from dovetail.transports.rabbitmq import limits
from dovetail.transports.rabbitmq.channel import INTERNAL_ERROR, Channel, ChannelClosed
from dovetail.transports.rabbitmq.client import NoSuchQueue
from dovetail.transports.rabbitmq.dead_letter_pages import DeadLetterPages, read_pages
from dovetail.transports.rabbitmq.frames import Content, Properties
from dovetail.transports.rabbitmq.publisher import Publisher
from dovetail.transports.rabbitmq.topology import COPY, LETTER, SUBJECT, dead_of, replayed_of
from dovetail.transports.rabbitmq.wire import Wire

log = logging.getLogger("dovetail.rabbitmq")


#: The year in which AMQP's timestamps begin.
_OLDEST_YEAR = 1970
#: AMQP's persistent and transient messages. A quorum queue keeps both; the other one forgets the second.
_TRANSIENT = 1

#: A letter with the message that it is kept as.
_Found = tuple[Content, DeadLetter]


class Removal:
    """Of those that match and are there when it begins. `mend` is None to drop them."""

    def __init__(
        self,
        publisher: Publisher,
        queue: str,
        wanted: LetterFilter,
        mend: Mend | None,
        done: Done,
    ) -> None:
        self._publisher = publisher
        self._queue = queue
        self._wanted = wanted
        self._mend = mend
        self._done = done
        #: How many letters are to be looked at yet; None before the first page.
        self._left: int | None = None
        #: Of the last step that replayed, by their ids: a lost connection may have hidden how it ended.
        self._last: dict[str, DeadLetter] = {}
        #: Ids of removed letters that the server may not have heard of: it has them again where the
        #: connection is lost, and they are neither replayed nor counted again.
        self._reported: set[str] = set()
        self._removed = 0
        self._finished = False

    async def run(self) -> None:
        """Return when all are removed."""
        while not self._finished:
            await read_pages(self._publisher.client, dead_of(self._queue), self._read)
            if not self._finished:
                await asyncio.sleep(limits.PAUSE_SECONDS)

    async def _read(self, pages: DeadLetterPages) -> None:
        if self._left is None:
            self._left = pages.count
        if self._mend is not None and await self._was_interrupted(pages):
            return
        await self._turn(pages)

    async def _turn(self, pages: DeadLetterPages) -> None:
        """Remove for a while."""
        assert self._left is not None
        clock = asyncio.get_running_loop().time
        ends = clock() + limits.TURN_SECONDS
        async for page in pages.read(min(pages.count, self._left + len(self._reported))):
            if found := matching(page, self._wanted):
                await uninterrupted(self._step(pages, found))
            if self._has_all:
                break
            if not pages.unacked and clock() > ends:
                return
        self._finished = True

    @property
    def _has_all(self) -> bool:
        """Whether those are gone that were named."""
        return self._wanted.ids is not None and self._removed == len(self._wanted.ids)

    async def _step(self, pages: DeadLetterPages, found: Sequence[_Found]) -> None:
        letters = {letter.id: letter for _, letter in found}
        refused: set[str] = set()
        if self._mend is not None:
            refused = await self._replay(pages, letters, self._mend)
        pages.remove([content for content, letter in found if letter.id not in refused])
        pages.progress()
        self._report([one for one in letters.values() if one.id not in refused])
        if refused:
            await self._forget(pages.channel)
            raise ChannelClosed(INTERNAL_ERROR, f"the queue {self._queue!r} takes nothing")
        pages.on_requeued = self._settled

    async def _replay(
        self, pages: DeadLetterPages, letters: Mapping[str, DeadLetter], mend: Mend
    ) -> set[str]:
        """Gives the ids of those that the group's queue refused."""
        client = self._publisher.client
        if alarm := pages.channel.wire.alarm:
            raise client.full(alarm)
        copies = [(one, mend(one)) for one in letters.values() if one.id not in self._reported]
        if not copies:
            return set()
        for letter, body in copies:
            self._publisher.check_copy(len(body), letter.message_id)
        # Until they are removed, what was replayed must be remembered.
        self._last, pages.on_requeued = {**letters}, None
        return {one.id for one in await put_copies(pages.channel, self._queue, copies)}

    def _report(self, letters: Sequence[DeadLetter]) -> None:
        """These are removed; some of them may have been before."""
        new = [one for one in letters if one.id not in self._reported]
        self._reported.update(one.id for one in new)
        self._removed += len(new)
        if self._left is not None:
            self._left -= len(new)
        self._done(new)

    async def _was_interrupted(self, pages: DeadLetterPages) -> bool:
        """Whether letters were replayed, here or by others, and may be there still; they are removed."""
        pages.on_requeued = self._settled
        await _remember(pages.channel, self._queue)
        replayed = await _replayed_before(pages.channel.wire, self._queue)
        if not replayed:
            return False
        await self._remove(pages, replayed)
        self._report([one for one in self._last.values() if one.id in replayed])
        self._finished = self._has_all
        return True

    async def _settled(self, channel: Channel) -> None:
        """The server has heard of all that was removed."""
        if self._mend is not None:
            await self._forget(channel)
        self._last, self._reported = {}, set()

    async def _forget(self, channel: Channel) -> None:
        await channel.call(commands.Queue.Delete(queue=replayed_of(self._queue)))

    async def _remove(self, pages: DeadLetterPages, ids: set[str]) -> None:
        found = 0
        async for page in pages.read(pages.count):
            those = [content for content in page if content.properties.message_id in ids]
            pages.remove(those)
            found += len(those)
            if found >= len(ids):
                return


def matching(page: Sequence[Content], wanted: LetterFilter) -> list[_Found]:
    """The letters that match. What others put there is left alone."""
    found: list[_Found] = []
    for content in page:
        letter = _letter_in(content)
        if letter is not None and wanted.takes(letter):
            found.append((content, letter))
    return found


async def put_copies(
    channel: Channel, queue: str, letters: Sequence[tuple[DeadLetter, bytes]]
) -> list[DeadLetter]:
    """Return when the group's queue has these, with what they are to hold; gives those that it refused."""
    if await channel.count(queue) is None:
        raise NoSuchQueue(f"the queue {queue!r} is gone; what was to go there was not accepted")
    remembered = replayed_of(queue)
    batch = await channel.put(queue, [(_copy(one, remembered), body) for one, body in letters])
    refused = {*batch.refusals}
    return [letter for letter, _ in letters if _id_of(letter) in refused]


async def _remember(channel: Channel, queue: str) -> None:
    """Have the second queue made."""
    bounds: FieldTable = {
        "x-max-length": limits.REMEMBERED_REPLAYS,
        "x-max-length-bytes": limits.REMEMBERED_REPLAY_BYTES,
    }
    await channel.call(
        commands.Queue.Declare(queue=replayed_of(queue), durable=True, arguments=bounds)
    )


async def _replayed_before(wire: Wire, queue: str) -> set[str]:
    """Ids of letters that were replayed, and may not have been removed."""
    channel = await Channel.open(wire)
    ids: set[str] = set()
    more = asyncio.Event()
    left = 0

    def came(content: Content) -> None:
        nonlocal left
        left -= 1
        ids.add(str((content.headers or {}).get(COPY)))
        more.set()

    try:
        if left := await channel.count(replayed_of(queue)) or 0:
            channel.on_end = more.set
            await channel.consume(replayed_of(queue), came)
        while left > 0:
            more.clear()
            await more.wait()
            if channel.error is not None:
                raise channel.error
        return ids
    finally:
        await channel.close()


def _letter_in(content: Content) -> DeadLetter | None:
    """The dead letter that a message holds; None where it is none."""
    reason, body = (content.headers or {}).get(LETTER), content.body
    if not isinstance(reason, str):
        reason, _, body = content.body.partition(b"\n")
    return letter_of(reason, content.properties.message_id or "", body, log)


def _copy(letter: DeadLetter, remembered: str) -> Properties:
    headers: FieldTable = {**(letter.headers or {}), COPY: letter.id, "BCC": [remembered]}
    kind = headers.pop("content-type", None)
    if letter.subject != letter.claimed:
        headers[SUBJECT] = letter.subject
    return Properties(
        content_type=kind if isinstance(kind, str) else None,
        headers=headers,
        delivery_mode=_TRANSIENT,
        message_id=_id_of(letter),
        timestamp=_timestamp(letter.published_at),
    )


def _id_of(letter: DeadLetter) -> str:
    """The message's own id, where it has one that AMQP can hold."""
    fits = 0 < len(letter.message_id.encode()) <= LONGEST_ID
    return letter.message_id if fits else letter.id


def _timestamp(at: datetime | None) -> datetime | None:
    """A time that AMQP can hold: events of others may be as old as they say."""
    return at if at is not None and at.year > _OLDEST_YEAR else None
