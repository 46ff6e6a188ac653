"""The queues of one claim, as its members fill them: with what is to come again, and with dead letters."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
from pamqp.base import Frame

from dovetail.delivery import Claim
from dovetail.errors import MessageTooLarge
from dovetail.identifiers import new_id
from dovetail.letters import DeadLetter
from dovetail.options import QueueOptions
from dovetail.transports.rabbitmq import registry
from dovetail.transports.rabbitmq.channel import Channel
from dovetail.transports.rabbitmq.client import COMMAND_SECONDS, Client, NoSuchQueue
from dovetail.transports.rabbitmq.delays import LONGEST_SECONDS, rest_of, step_for
from dovetail.transports.rabbitmq.entry import RabbitDelivery, again
from dovetail.transports.rabbitmq.frames import Content, Properties
from dovetail.transports.rabbitmq.layout import (
    LETTER,
    dead_of,
    delay_of,
    delay_queue,
    queue_of,
    quorum_queue,
)
from dovetail.transports.rabbitmq.publisher import Publisher
from dovetail.transports.rabbitmq.registry import Entry

#: What a dead letter says of itself, where that goes into a header: below AMQP's largest frame of 128 KiB.
_HEADER_BYTES = 64_000
_PART_BYTES = 8_000


class ClaimedQueues:
    """Declared when they are needed first; registered before anything is in them, so that it is counted."""

    def __init__(
        self, client: Client, publisher: Publisher, options: QueueOptions, claim: Claim
    ) -> None:
        self._client = client
        self._publisher = publisher
        self._options = options
        self._claimed = claim.subject
        self._entry = Entry(claim.group, claim.subject, claim.kind)
        self.name = queue_of(claim.group, claim.subject)
        self._declared: set[str] = set()
        self._declaring = asyncio.Lock()

    async def deliver_again(self, deliveries: Sequence[RabbitDelivery], pause: float) -> None:
        """Have copies delivered after `pause` seconds, to any member."""
        pause = min(pause, LONGEST_SECONDS)
        step = step_for(pause)
        rest = rest_of(pause, step)
        copies = [
            (again(one, attempt=one.attempt, rest=rest, claimed=self._claimed), one.body)
            for one in deliveries
        ]
        if not step:
            await self._put(self.name, copies)
            return
        declares = delay_queue(self.name, step, self._options)
        fact = msgspec.structs.replace(self._entry, delays=(step,))
        await self._keep(delay_of(self.name, step), copies, declares, fact)

    async def bury(self, letter: DeadLetter) -> None:
        """Keep a dead letter."""
        queue = dead_of(self.name)
        declares = quorum_queue(queue, self._options)
        fact = msgspec.structs.replace(self._entry, dead=True)
        properties = Properties(delivery_mode=2, message_id=new_id())
        try:
            await self._keep(queue, [(properties, packed(letter))], declares, fact)
        except MessageTooLarge:  # without what we add to it, it was not
            properties.headers = {LETTER: _about(letter).decode()}
            await self._keep(queue, [(properties, letter.body)], declares, fact)

    async def _keep(
        self,
        queue: str,
        copies: Sequence[tuple[Properties, bytes]],
        declares: Frame,
        fact: Entry,
    ) -> None:
        await self._declare(queue, declares, fact)
        try:
            await self._put(queue, copies)
        except NoSuchQueue:  # somebody has removed it
            self._declared.discard(queue)
            await self._declare(queue, declares, fact)
            await self._put(queue, copies)

    async def _put(self, queue: str, copies: Sequence[tuple[Properties, bytes]]) -> None:
        deadline = asyncio.get_running_loop().time() + COMMAND_SECONDS
        await self._publisher.put(queue, copies, deadline)

    async def _declare(self, queue: str, declares: Frame, fact: Entry) -> None:
        async def declare(channel: Channel) -> None:
            await channel.call(declares)
            await registry.know(channel.wire, fact)

        if queue not in self._declared:
            async with self._declaring:
                if queue not in self._declared:
                    await self._client.run(declare)
                    self._declared.add(queue)


def packed(letter: DeadLetter) -> bytes:
    """A dead letter as a message: a line of JSON that says all but the bytes, and these as they were."""
    about = msgspec.structs.replace(letter, body=b"")
    return msgspec.json.encode(about) + b"\n" + letter.body


def _about(letter: DeadLetter) -> bytes:
    """What a letter says beside its bytes, shortened to what goes into a header."""
    letter = msgspec.structs.replace(letter, body=b"")
    shorter: tuple[dict[str, Any], ...] = (
        {},
        {"traceback": letter.traceback[-_PART_BYTES:], "reason": letter.reason[:_PART_BYTES]},
        {"traceback": "", "reason": letter.reason[:1000], "headers": None},
    )
    return next(
        about
        for changes in shorter
        if len(about := msgspec.json.encode(msgspec.structs.replace(letter, **changes)))
        <= _HEADER_BYTES
        or changes is shorter[-1]
    )


def unpacked(content: Content) -> DeadLetter:
    """The dead letter that a message holds. Raises msgspec.MsgspecError where it is none."""
    about, rest = (content.headers or {}).get(LETTER), content.body
    if not isinstance(about, str):
        about, _, rest = content.body.partition(b"\n")
    letter = msgspec.json.decode(about, type=DeadLetter)
    return msgspec.structs.replace(letter, id=content.properties.message_id or "", body=rest)
