"""What members have in their in_flight: RabbitMQ does not tell, so they are asked."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import msgspec
from pamqp import commands

from dovetail.transports.rabbitmq.channel import Channel
from dovetail.transports.rabbitmq.client import Client
from dovetail.transports.rabbitmq.entry import headers_of
from dovetail.transports.rabbitmq.frames import Content
from dovetail.transports.rabbitmq.in_flight import InFlight
from dovetail.transports.rabbitmq.layout import MEMBERS, PRESENCE
from dovetail.transports.rabbitmq.live import Live

log = logging.getLogger("dovetail.rabbitmq")

#: What a member may take to answer. One that takes longer is left out.
ANSWER_SECONDS = 1.0


class Question(msgspec.Struct):
    """Asks everybody; whoever has a share in another queue leaves its messages out."""

    queue: str = ""
    #: Messages wanted.
    most: int = 0


class Held(msgspec.Struct):
    """One message."""

    subject: str
    body: bytes
    headers: dict[str, str] | None
    #: Seconds of Unix time; 0 where it is not known.
    published: float


class Holding(msgspec.Struct):
    """What one member has of one queue."""

    queue: str
    count: int
    #: Of the one that was published first, in seconds of Unix time; 0 where there is none.
    oldest: float
    held: list[Held]


async def attend(
    channel: Channel, queue: str, in_flight: InFlight, answer: Callable[[Content, bytes], None]
) -> None:
    """Be counted, and answer questions, as long as the channel is there."""

    def asked(content: Content) -> None:
        try:
            question = msgspec.json.decode(content.body, type=Question)
        except msgspec.MsgspecError as error:
            log.warning("what others put into %s is no question: %s", MEMBERS, error)
            return
        answer(content, msgspec.json.encode(_holding(queue, in_flight, question)))

    await channel.consume(PRESENCE, lambda content: None, no_ack=True)
    declared = await channel.call(
        commands.Queue.Declare(queue="", exclusive=True, auto_delete=True)
    )
    await channel.call(commands.Queue.Bind(queue=declared.queue, exchange=MEMBERS, routing_key=""))
    await channel.consume(declared.queue, asked, no_ack=True)


def _holding(queue: str, in_flight: InFlight, question: Question) -> Holding:
    deliveries = list(in_flight.held.values())
    wanted = deliveries[: question.most] if question.queue == queue else []
    return Holding(
        queue,
        len(deliveries),
        min((time for one in deliveries[:1000] if (time := published(one.content))), default=0.0),
        [
            Held(one.subject, one.body, headers_of(one.content), published(one.content))
            for one in wanted
        ],
    )


def published(content: Content) -> float:
    """When a message was published, in seconds of Unix time; 0 where it does not say so."""
    time_stamp = content.properties.timestamp
    return time_stamp.timestamp() if time_stamp else 0.0


async def ask(client: Client, live: Live, question: Question) -> Sequence[Holding]:
    """What every member has that answers in time."""
    [declared] = await client.ask(commands.Queue.Declare(queue=PRESENCE, passive=True))
    members = declared.consumer_count
    found: list[Holding] = []
    if not members or client.alarm:  # what cannot be asked now is not waited for
        return found
    body = msgspec.json.encode(question)
    async with live.ask(MEMBERS, "", body, ANSWER_SECONDS) as answers:
        async for answer in answers:
            found.append(msgspec.json.decode(answer, type=Holding))
            if len(found) >= members:
                break
    return found
