"""Dead letters: a queue of them for each claim. Looking at one takes it away for a moment."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime

import msgspec
from pamqp import commands
from pamqp.common import FieldTable

from dovetail.errors import DeadLetterNotFound
from dovetail.letters import DeadLetter, LetterFilter
from dovetail.transports.rabbitmq import registry
from dovetail.transports.rabbitmq.channel import Channel, ChannelClosed
from dovetail.transports.rabbitmq.claimed import unpacked
from dovetail.transports.rabbitmq.client import COMMAND_SECONDS, RETRY_SECONDS, Client, is_missing
from dovetail.transports.rabbitmq.frames import Content, Properties
from dovetail.transports.rabbitmq.layout import COPY, SUBJECT, dead_of, queue_of
from dovetail.transports.rabbitmq.locks import lock
from dovetail.transports.rabbitmq.publisher import LONGEST_ID, Publisher

log = logging.getLogger("dovetail.rabbitmq")

#: What a look at all letters of one claim may take.
LOOK_SECONDS = 60.0
#: What a busy server may take to put back what was looked at; it does so after it has closed the channel.
BACK_SECONDS = 5.0
#: The year in which AMQP's timestamps begin.
OLDEST_YEAR = 1970


class Letterbox:
    """Lists, replays and drops dead letters."""

    def __init__(self, client: Client, publisher: Publisher) -> None:
        self._client = client
        self._publisher = publisher

    async def find(self, wanted: LetterFilter) -> Sequence[DeadLetter]:
        """As Transport.dead_letters."""
        entries = (await self._client.with_wire(registry.read)).values()
        found: list[DeadLetter] = []
        for entry in entries:
            if entry.dead and wanted.group in (None, entry.group):
                found += await self._newest(dead_of(entry.queue), wanted)
        found.sort(key=lambda letter: (letter.died_at, letter.id), reverse=True)
        return found[: wanted.most]

    async def _newest(self, queue: str, wanted: LetterFilter) -> list[DeadLetter]:
        found: deque[DeadLetter] = deque(maxlen=wanted.most)

        def take(content: Content) -> None:
            try:
                letter = unpacked(content.properties.message_id or "", content.body)
            except msgspec.MsgspecError as error:
                log.warning("what others put into %s is no dead letter: %s", queue, error)
                return
            if wanted.takes(letter):
                found.append(letter)

        async def look(channel: Channel, count: int) -> int:
            found.clear()
            await _each(channel, queue, count, take)
            return 0

        await self._undisturbed(queue, look)
        return list(found)

    async def replay(self, letter: DeadLetter, body: bytes) -> None:
        """As Transport.replay."""
        headers: FieldTable = {**(letter.headers or {}), COPY: secrets.token_hex(8)}
        kind = (letter.headers or {}).get("content-type")
        headers.pop("content-type", None)
        if letter.subject != letter.claimed:
            headers[SUBJECT] = letter.subject
        copy = Properties(
            content_type=kind,
            headers=headers,
            delivery_mode=2,
            message_id=_id_of(letter),
            timestamp=_timestamp(letter.published_at),
        )

        async def put() -> None:
            deadline = asyncio.get_running_loop().time() + COMMAND_SECONDS
            queue = queue_of(letter.group, letter.claimed)
            await self._publisher.put(queue, [(copy, body)], deadline)

        await self._remove(letter, put)

    async def drop(self, letter: DeadLetter) -> None:
        """As Transport.drop."""
        await self._remove(letter, None)

    async def _remove(
        self, letter: DeadLetter, before: Callable[[], Awaitable[None]] | None
    ) -> None:
        queue = dead_of(queue_of(letter.group, letter.claimed))
        prepared = False

        async def remove(channel: Channel, count: int) -> int:
            nonlocal prepared
            tag = 0

            def take(content: Content) -> bool:
                nonlocal tag
                if content.properties.message_id == letter.id:
                    tag = content.tag
                return bool(tag)

            await _each(channel, queue, count, take)
            if not tag:
                if prepared:  # the connection was lost after the ack, which has arrived
                    return 0
                raise DeadLetterNotFound(letter.id)
            if before is not None and not prepared:
                await before()
            prepared = True
            channel.tell(commands.Basic.Ack(tag))
            return 1

        await self._undisturbed(queue, remove)

    async def _undisturbed(self, queue: str, use: Callable[[Channel, int], Awaitable[int]]) -> None:
        """With nobody else looking, who would see less. `use` is told how many there are, and gives how many
        it took away for good; the others are there again when this returns. It is used again where the
        connection was lost meanwhile."""
        seen = 0

        async def locked(channel: Channel) -> None:
            nonlocal seen
            async with lock(channel.wire, f"{queue}+lock"):
                await _has(channel, queue, seen)
                looking = await Channel.open(channel.wire)
                try:
                    seen = await _count(looking, queue) or 0
                    taken = await use(looking, seen)
                finally:
                    await looking.close()
                await _has(channel, queue, seen - taken)

        deadline = asyncio.get_running_loop().time() + LOOK_SECONDS
        await self._client.run(locked, deadline=deadline)


def _id_of(letter: DeadLetter) -> str:
    """The message's own id, where it has one that AMQP can hold."""
    fits = 0 < len(letter.message_id.encode()) <= LONGEST_ID
    return letter.message_id if fits else letter.id


def _timestamp(at: datetime | None) -> datetime | None:
    """A time that AMQP can hold: events of others may be as old as they say."""
    return at if at is not None and at.year > OLDEST_YEAR else None


async def _count(channel: Channel, queue: str) -> int | None:
    """None where somebody has removed it, with what was in it."""
    try:
        declared = await channel.call(commands.Queue.Declare(queue=queue, passive=True))
    except ChannelClosed as error:
        if is_missing(error):
            return None
        raise
    return int(declared.message_count)


async def _has(channel: Channel, queue: str, count: int) -> None:
    """Wait until the server has put back what was looked at, here or on a connection that was lost."""
    with suppress(TimeoutError):
        async with asyncio.timeout(BACK_SECONDS):
            while await _has_fewer(channel, queue, count):  # noqa: ASYNC110 - it has no signal
                await asyncio.sleep(RETRY_SECONDS)


async def _has_fewer(channel: Channel, queue: str, count: int) -> bool:
    found = await _count(channel, queue)
    return found is not None and found < count


async def _each(
    channel: Channel, queue: str, left: int, take: Callable[[Content], bool | None]
) -> None:
    """Call `take` for so many messages until it gives True; they go back when the channel is closed."""
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def ended() -> None:
        if not done.done() and channel.error is not None:
            done.set_exception(channel.error)

    def came(content: Content) -> None:
        nonlocal left
        left -= 1
        if not done.done() and (take(content) or not left):
            done.set_result(None)

    def removed(_consumer: str) -> None:
        if not done.done():
            done.set_result(None)

    if left:
        channel.on_end, channel.on_cancel = ended, removed
        await channel.consume(queue, came)
        await done
