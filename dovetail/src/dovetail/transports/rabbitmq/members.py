"""What members have in flight: RabbitMQ does not tell, so they are asked."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import msgspec
from pamqp import commands

from dovetail.errors import NobodyListening
from dovetail.transports.rabbitmq import limits
from dovetail.transports.rabbitmq.channel import Channel
from dovetail.transports.rabbitmq.client import Client
from dovetail.transports.rabbitmq.delivery import headers_of, published
from dovetail.transports.rabbitmq.frames import Content
from dovetail.transports.rabbitmq.in_flight import InFlight
from dovetail.transports.rabbitmq.requests import Requests
from dovetail.transports.rabbitmq.topology import MEMBERS, PRESENCE

log = logging.getLogger("dovetail.rabbitmq")


class Question(msgspec.Struct):
    """Asks everybody; whoever has a share in another queue leaves its messages out."""

    queue: str = ""
    #: Messages wanted.
    most: int = 0


class WaitingMessage(msgspec.Struct):
    """One message that is not settled."""

    subject: str
    body: bytes
    headers: dict[str, str] | None
    #: Seconds of Unix time; 0 where it is not known.
    published: float


class MemberState(msgspec.Struct):
    """What one member has in flight of one queue."""

    queue: str
    count: int
    #: Of the one that was published first, in seconds of Unix time; 0 where there is none.
    oldest: float
    messages: list[WaitingMessage] = msgspec.field(name="held")


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
        answer(content, msgspec.json.encode(_state_of(queue, in_flight, question)))

    await channel.consume(PRESENCE, lambda content: None, no_ack=True)
    declared = await channel.call(
        commands.Queue.Declare(queue="", exclusive=True, auto_delete=True)
    )
    await channel.call(commands.Queue.Bind(queue=declared.queue, exchange=MEMBERS, routing_key=""))
    await channel.consume(declared.queue, asked, no_ack=True)


def _state_of(queue: str, in_flight: InFlight, question: Question) -> MemberState:
    deliveries = list(in_flight.held.values())
    wanted = deliveries[: question.most] if question.queue == queue else []
    return MemberState(
        queue,
        len(deliveries),
        min(
            (time for one in deliveries[: limits.OLDEST_AMONG] if (time := published(one.content))),
            default=0.0,
        ),
        [
            WaitingMessage(one.subject, one.body, headers_of(one.content), published(one.content))
            for one in wanted
        ],
    )


async def ask(client: Client, requests: Requests, question: Question) -> Sequence[MemberState]:
    """What every member has that answers in time."""
    [declared] = await client.ask(commands.Queue.Declare(queue=PRESENCE, passive=True))
    members = declared.consumer_count
    found: list[MemberState] = []
    if not members or client.alarm:  # what cannot be asked now is not waited for
        return found
    body = msgspec.json.encode(question)
    try:
        async with requests.ask(MEMBERS, "", body, limits.ANSWER_SECONDS) as answers:
            async for answer in answers:
                found.append(msgspec.json.decode(answer, type=MemberState))
                if len(found) >= members:
                    break
    except NobodyListening:  # the last of them has just gone
        pass
    return found
