"""Dead letters that are handed back to their group, each once, whatever happens meanwhile.

A copy goes to the group's queue, and the letter is removed when the server has confirmed that. Whoever is
killed in between, or loses the connection, would leave a letter that was replayed. So each copy goes, by the
same command, to a second queue as well: the server carries out both or neither. Whoever replays next finds
there what was replayed, and removes those letters first. In that second queue copies end with the server's
process, as does what it had not confirmed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from pamqp import commands
from pamqp.common import FieldTable

from dovetail.letters import DeadLetter
from dovetail.transports.rabbitmq.channel import Batch, Channel
from dovetail.transports.rabbitmq.client import NoSuchQueue
from dovetail.transports.rabbitmq.frames import Content, Properties
from dovetail.transports.rabbitmq.layout import COPY, SUBJECT, replayed_of
from dovetail.transports.rabbitmq.look import PAGE, PAGE_BYTES, count_of
from dovetail.transports.rabbitmq.publisher import LONGEST_ID
from dovetail.transports.rabbitmq.wire import Wire

#: Copies that are remembered: those of the last steps, as removing takes the server a moment.
_REMEMBERED, _REMEMBERED_BYTES = 10 * PAGE, 10 * PAGE_BYTES
#: The year in which AMQP's timestamps begin.
_OLDEST_YEAR = 1970
#: AMQP's persistent and transient messages. A quorum queue keeps both; the other one forgets the second.
_TRANSIENT = 1


async def put(
    channel: Channel, queue: str, letters: Sequence[tuple[DeadLetter, bytes]]
) -> list[DeadLetter]:
    """Return when the group's queue has these, with what they are to hold; gives those that it refused."""
    if await count_of(channel, queue) is None:
        raise NoSuchQueue(f"the queue {queue!r} is gone; what was to go there was not accepted")
    batch = Batch(len(letters), asyncio.get_running_loop().create_future())
    for letter, body in letters:
        channel.publish(batch, "", queue, _copy(letter, replayed_of(queue)), body)
    await batch.done
    refused = {*batch.refusals}
    return [letter for letter, _ in letters if _id_of(letter) in refused]


async def remember(channel: Channel, queue: str) -> None:
    """Have the second queue made."""
    limits: FieldTable = {"x-max-length": _REMEMBERED, "x-max-length-bytes": _REMEMBERED_BYTES}
    await channel.call(
        commands.Queue.Declare(queue=replayed_of(queue), durable=True, arguments=limits)
    )


async def replayed_before(wire: Wire, queue: str) -> set[str]:
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
        if left := await count_of(channel, replayed_of(queue)) or 0:
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
