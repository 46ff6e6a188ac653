"""The queue with its five verbs: publish, send, request, gather, listen."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from dovetail.dead_letters import DeadLetters
from dovetail.delivery import Outgoing
from dovetail.envelope import Codec, Received, encode
from dovetail.errors import (
    ConfigurationError,
    DecodeError,
    DovetailError,
    HandlerFailed,
    NoAnswer,
)
from dovetail.gather import Gathered, collect
from dovetail.identifiers import new_id
from dovetail.message import Command, Event, Request, answer_type, subject_of
from dovetail.options import QueueOptions
from dovetail.status import QueueStatus
from dovetail.subjects import check_pattern, check_subject
from dovetail.transport import Transport

Answer = TypeVar("Answer")


class MessageQueue:
    """A connection to a queue. Its methods may be called from many tasks of one event loop at once."""

    def __init__(self, transport: Transport, options: QueueOptions) -> None:
        self.transport = transport
        self.options = options
        self.dead_letters = DeadLetters(transport)
        self._codecs: dict[type, Codec[Any]] = {}

    async def __aenter__(self) -> Self:
        await self.transport.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.transport.close()

    @property
    def connected(self) -> bool:
        """Whether the connection stands at this moment."""
        return self.transport.connected

    async def publish(
        self,
        event: Event,
        *,
        id: str | None = None,
        durable: bool = True,
        traceparent: str | None = None,
    ) -> str:
        """Publish an event to every group, and return its id once the queue has it on its store.

        With `durable=False` it goes only to those who listen now, at most once. After QueueUnavailable
        it is harmless to publish again under the same id, which the error carries. `traceparent` is the
        W3C trace context that goes with it.
        """
        message_id = id or new_id()
        subject = subject_of(event)
        source = self.options.source
        body = encode(event, id=message_id, source=source, type=subject, traceparent=traceparent)
        if durable:
            await self.transport.publish(
                (Outgoing("event", subject, body, message_id),), self.options.timeout
            )
        else:
            await self.transport.broadcast(subject, body)
        return message_id

    async def publish_many(
        self, events: Sequence[Event], *, ids: Sequence[str] | None = None
    ) -> list[str]:
        """Publish events together; returns their ids once the queue has all of them.

        After QueueUnavailable or QueueFull it may have some of them. Where that matters give them `ids`,
        one for each: then it is harmless to publish all of them again.
        """
        outgoing = [self._outgoing("event", *one) for one in with_ids(events, ids)]
        await self.transport.publish(outgoing, self.options.timeout)
        return [one.id for one in outgoing]

    async def publish_raw(
        self, subject: str, body: bytes, *, durable: bool = True, id: str | None = None
    ) -> None:
        """Publish bytes as they are: for tools, and for what is encoded elsewhere."""
        check_subject(subject)
        if durable:
            outgoing = Outgoing("event", subject, body, id or new_id())
            await self.transport.publish((outgoing,), self.options.timeout)
        else:
            await self.transport.broadcast(subject, body)

    async def send(
        self, command: Command, *, id: str | None = None, traceparent: str | None = None
    ) -> str:
        """Send a command to the one group that handles it; returns its id once the queue has it.

        Raises NoGroup if no group has ever claimed it.
        """
        outgoing = self._outgoing("command", command, id or new_id(), traceparent)
        await self.transport.publish((outgoing,), self.options.timeout)
        return outgoing.id

    async def request(self, request: Request[Answer], *, timeout: float = 1.0) -> Answer:
        """Ask, and return the first answer.

        Raises NobodyListening, NoAnswer after `timeout` seconds, HandlerFailed where the handler raised,
        DecodeError where the answer is not of the type that the request names.
        """
        async with aclosing(self._ask(request, timeout)) as answers:
            async for answer, failure in answers:
                if failure is not None:
                    raise failure
                return answer
        raise NoAnswer(f"no answer to {subject_of(request)!r} within {timeout:g} s")

    async def gather(
        self,
        request: Request[Answer],
        *,
        timeout: float = 0.5,
        stall: float | None = None,
        most: int | None = None,
    ) -> Gathered[Answer]:
        """Ask everyone, and return every answer that comes within `timeout` seconds.

        Stops earlier after `most` answers, or when none came for `stall` seconds after the last.
        """
        return await collect(self._ask(request, timeout), stall, most)

    async def listen(self, what: str | type[Event]) -> AsyncGenerator[Received]:
        """Live events from now on, to every listener, at most once: `async for event in queue.listen(…)`.

        `what` is a class of events, a subject, or a pattern. A listener that falls far behind loses
        the oldest. Goes on after the connection was lost; what came between is missed.
        """
        pattern = check_pattern(what) if isinstance(what, str) else subject_of(what)
        async with self.transport.listen(pattern) as events:
            async for event in events:
                yield event

    async def waiting(
        self, what: str | type[Event], group: str, *, most: int = 100
    ) -> list[Received]:
        """Up to `most` of the oldest events that a group has yet to handle, without taking them.

        Ones handled out of turn may be among them. The group need not exist.
        """
        subject = what if isinstance(what, str) else subject_of(what)
        return list(await self.transport.waiting(check_pattern(subject), group, most))

    async def status(self) -> QueueStatus:
        """What is stored, and how far each group has come."""
        return await self.transport.status()

    async def ping(self, timeout: float = 2.0) -> None:
        """Return when the queue answers and would take a message. Cheap, however much is stored.

        Raises QueueFull where a publisher would be refused, QueueUnavailable after `timeout` seconds.
        """
        await self.transport.ping(timeout)

    def _outgoing(
        self,
        kind: Literal["event", "command"],
        message: Event | Command,
        id: str,
        traceparent: str | None = None,
    ) -> Outgoing:
        subject, source = subject_of(message), self.options.source
        body = encode(message, id=id, source=source, type=subject, traceparent=traceparent)
        return Outgoing(kind, subject, body, id)

    async def _ask(
        self, request: Request[Answer], timeout: float, traceparent: str | None = None
    ) -> AsyncGenerator[tuple[Answer, DovetailError | None]]:
        """Answers as they come, each with None or with why it is none."""
        subject = subject_of(request)
        kind = type(request)
        codec = self._codecs.get(kind)
        if codec is None:
            codec = self._codecs[kind] = Codec(answer_type(kind))
        source = self.options.source
        body = encode(request, id=new_id(), source=source, type=subject, traceparent=traceparent)
        async with self.transport.request(subject, body, timeout) as answers:
            async for answer in answers:
                try:
                    envelope = codec.decode(answer)
                except DecodeError as error:
                    yield None, error  # type: ignore[misc]
                    continue
                said = envelope.failure
                yield envelope.data, None if said is None else HandlerFailed(said)  # type: ignore[misc]


def with_ids(events: Sequence[Event], ids: Sequence[str] | None) -> list[tuple[Event, str]]:
    """Each with its id, or a new one; ConfigurationError where there are not as many."""
    if ids is None:
        return [(event, new_id()) for event in events]
    if len(ids) != len(events):
        raise ConfigurationError(f"{len(ids)} ids for {len(events)} events; give one for each")
    return list(zip(events, ids, strict=True))
