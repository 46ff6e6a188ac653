"""The queue with its five verbs: publish, send, request, gather, listen."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self, TypeVar, cast, overload

from dovetail.checks.arguments import check
from dovetail.checks.rules import (
    NotAllowed,
    Seconds,
    a_function,
    an_object,
    message_id,
    optional,
    printable,
    seconds,
    shown,
    whole,
    yes_or_no,
)
from dovetail.codec.encoding import Kind, encoding_of
from dovetail.codec.envelope import Codec, Received
from dovetail.codec.identifiers import new_id
from dovetail.codec.live_events import typed
from dovetail.codec.subjects import check_name, check_pattern, check_subject
from dovetail.dead_letters import DeadLetters
from dovetail.delivery import Claim, Outgoing
from dovetail.errors import (
    ConfigurationError,
    DecodeError,
    DovetailError,
    EncodeError,
    HandlerFailed,
    NoAnswer,
    QueueUnavailable,
)
from dovetail.gather import Gathered, collect
from dovetail.limits import MOST_LISTED
from dovetail.message import (
    Command,
    Event,
    Message,
    Request,
    answer_type,
    message_class,
    subject_of,
)
from dovetail.operating import groups
from dovetail.operating.renamed_groups import GroupSubscription, NamedGroups
from dovetail.options import QueueOptions
from dovetail.status import GroupInfo, QueueStatus
from dovetail.transport import Transport

Answer = TypeVar("Answer")
AnyEvent = TypeVar("AnyEvent", bound=Event)

_ABOVE_ZERO = seconds(above=0)
#: Longer than any version of the standard has it.
_TRACEPARENT = printable(255)
#: A verb, and what it takes.
Verb = tuple[str, tuple[Kind, ...]]
_PUBLISH: Verb = ("publish", ("event",))
PUBLISH_MANY: Verb = ("publish_many", ("event",))
_SEND: Verb = ("send", ("command",))

_CLOSED = "the queue was closed when its `async with` ended: make another one with `connect`"


class MessageQueue:
    """A connection to a queue. Its methods may be called from many tasks of one event loop at once.

    It is entered once, `async with connect(…) as queue`; again, it raises ConfigurationError. Used before or
    after that, it raises QueueUnavailable.
    """

    def __init__(self, transport: Transport, options: QueueOptions) -> None:
        self.options = options
        self._transport = transport
        self._codecs: dict[type, Codec[Any]] = {}
        #: Why it cannot be used now; empty while it is open.
        self._not_open = (
            "the queue is not open yet: use it inside `async with connect(…) as queue:`"
        )
        self._entered = False

    async def __aenter__(self) -> Self:
        if self._entered:
            raise ConfigurationError(
                self._not_open
                or "the queue is open already: enter it once, and pass it to who needs it"
            )
        self._entered = True
        try:
            await self._transport.open()
        except BaseException:
            self._not_open = _CLOSED
            raise
        self._not_open = ""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._not_open = _CLOSED
        await self._transport.close()

    @property
    def transport(self) -> Transport:
        """The adapter to the queue's technology. Raises QueueUnavailable where the queue is not open."""
        if self._not_open:
            raise QueueUnavailable(self._not_open)
        return self._transport

    @property
    def is_open(self) -> bool:
        """Whether it was entered and is not closed; the connection may be lost nevertheless."""
        return not self._not_open

    @property
    def dead_letters(self) -> DeadLetters:
        """What groups have given up."""
        return DeadLetters(cast(Transport, self._named))

    @property
    def _named(self) -> NamedGroups:
        return NamedGroups(self.transport)

    @property
    def connected(self) -> bool:
        """Whether the connection stands at this moment."""
        return not self._not_open and self._transport.connected

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
        outgoing = self._outgoing(
            _PUBLISH, event, new_id() if id is None else id_of(id), traceparent
        )
        if durable is True or check("publish", "durable", durable, yes_or_no):
            await self.transport.publish((outgoing,), self.options.timeout)
        else:
            await self.transport.broadcast(outgoing.subject, outgoing.body)
        return outgoing.id

    async def publish_many(
        self, events: Sequence[Event], *, ids: Sequence[str] | None = None
    ) -> list[str]:
        """Publish events together; returns their ids once the queue has all of them.

        After QueueUnavailable or QueueFull it may have some of them. Where that matters give them `ids`,
        one for each: then it is harmless to publish all of them again.
        """
        outgoing = self._all_outgoing(events, ids)
        await self.transport.publish(outgoing, self.options.timeout)
        return [one.id for one in outgoing]

    async def publish_raw(
        self, subject: str, body: bytes, *, durable: bool = True, id: str | None = None
    ) -> None:
        """Publish bytes as they are: for tools, and for what is encoded elsewhere."""
        check_subject(subject)
        check("publish_raw", "body", body, an_object(bytes, "bytes"))
        if check("publish_raw", "durable", durable, yes_or_no):
            outgoing = Outgoing("event", subject, body, id_of(id))
            await self.transport.publish((outgoing,), self.options.timeout)
        else:
            await self.transport.broadcast(subject, body)

    async def send(
        self, command: Command, *, id: str | None = None, traceparent: str | None = None
    ) -> str:
        """Send a command to the one group that handles it; returns its id once the queue has it.

        Raises NoGroup if no group has ever claimed it.
        """
        outgoing = self._outgoing(_SEND, command, id_of(id), traceparent)
        await self.transport.publish((outgoing,), self.options.timeout)
        return outgoing.id

    async def request(self, request: Request[Answer], *, timeout: Seconds = 1.0) -> Answer:
        """Ask, and return the first answer.

        Raises NobodyListening, NoAnswer after `timeout` seconds, HandlerFailed where the handler raised,
        DecodeError where the answer is not of the type that the request names.
        """
        limit = check("request", "timeout", timeout, _ABOVE_ZERO)
        async with aclosing(self._ask("request", request, limit)) as answers:
            async for answer, failure in answers:
                if failure is not None:
                    raise failure
                return answer
        raise NoAnswer(f"no answer to {subject_of(request)!r} within {limit:g} s")

    async def gather(
        self,
        request: Request[Answer],
        *,
        timeout: Seconds = 0.5,
        stall: Seconds | None = None,
        most: int | None = None,
    ) -> Gathered[Answer]:
        """Ask everyone, and return every answer that comes within `timeout` seconds.

        Stops earlier after `most` answers, or when none came for `stall` seconds after the last.
        """
        limit = check("gather", "timeout", timeout, _ABOVE_ZERO)
        pause = check("gather", "stall", stall, optional(_ABOVE_ZERO))
        check("gather", "most", most, optional(whole(1)))
        return await collect(self._ask("gather", request, limit), pause, most)

    @overload
    def listen(
        self, what: str, *, missed: Callable[[], None] | None = None
    ) -> AsyncGenerator[Received]: ...

    @overload
    def listen(
        self, what: type[AnyEvent], *, missed: Callable[[], None] | None = None
    ) -> AsyncGenerator[AnyEvent]: ...

    def listen(
        self, what: str | type[AnyEvent], *, missed: Callable[[], None] | None = None
    ) -> AsyncGenerator[Received] | AsyncGenerator[AnyEvent]:
        """Live events from now on, to every listener, at most once: `async for event in queue.listen(…)`.

        With a class of events it gives those; what is none of them is logged and left out. With a subject
        or a pattern it gives whatever comes, as Received. A listener that falls far behind loses the oldest.
        Goes on after the connection was lost; what came between is missed.

        `missed` is called each time that events may have been missed: as soon as the connection is lost, and
        where the listener fell too far behind. Who must know when it listens again publishes a live event,
        and waits to hear that.
        """
        check("listen", "missed", missed, optional(a_function))
        if isinstance(what, str):
            return self._listen(check_pattern(what), missed)
        kind: type[AnyEvent] = message_class(what, "listen")  # type: ignore[assignment]
        return typed(self._listen(subject_of(kind), missed), kind)

    async def _listen(
        self, pattern: str, missed: Callable[[], None] | None
    ) -> AsyncGenerator[Received]:
        async with self.transport.listen(pattern, missed) as events:
            async for event in events:
                yield event

    async def waiting(
        self, what: str | type[Event], group: str, *, most: int = 100
    ) -> list[Received]:
        """Up to `most` of the oldest events that a group has yet to handle, without taking them.

        Ones handled out of turn may be among them. The group need not exist.
        """
        subject = what if isinstance(what, str) else subject_of(message_class(what, "waiting"))
        check("waiting", "most", most, whole(1, MOST_LISTED))
        check_name(group, "group")
        return list(await self._named.waiting(check_pattern(subject), group, most))

    async def status(self) -> QueueStatus:
        """What is stored, and how far each group has come."""
        return await self._named.status()

    async def claim(self, claim: Claim) -> GroupSubscription:
        """For workers: join a group for one subject, as Transport.claim has it."""
        return await self._named.claim(claim)

    async def groups(self) -> list[GroupInfo]:
        """How far each group has come with each of its subjects, and how many members run."""
        return await self._named.groups()

    async def remove_group(
        self, name: str, *, subject: str | None = None, force: bool = False
    ) -> None:
        """Forget a group, or one subject of it, with its progress and its dead letters, for good.

        What it had yet to handle stays for other groups only; of its commands it is kept for the group that
        claims them next. ConfigurationError where members run, unless `force` says that they are dead: those
        that live create the group again, and begin with the history.
        """
        await groups.remove(self.transport, name, subject, force=force)

    async def rename_group(self, old: str, new: str) -> None:
        """Let the group be called `new`: with all it has, and nothing lost or handled twice.

        ConfigurationError where members run, or `new` has a place of its own already.
        """
        await groups.rename(self.transport, old, new)

    async def ping(self, timeout: Seconds = 2.0) -> None:
        """Return when the queue answers and would take a message. Cheap, however much is stored.

        Raises QueueFull where a publisher would be refused, QueueUnavailable after `timeout` seconds.
        """
        await self.transport.ping(check("ping", "timeout", timeout, _ABOVE_ZERO))

    def _outgoing(
        self, verb: Verb, message: Event | Command, id: str, traceparent: str | None = None
    ) -> Outgoing:
        encoding = encoding_of(message, *verb)
        if traceparent is not None:
            check(verb[0], "traceparent", traceparent, _TRACEPARENT)
        body = encoding.encode(message, id, self.options.source, traceparent)
        return Outgoing(encoding.kind, encoding.subject, body, id)  # type: ignore[arg-type]

    def _all_outgoing(self, events: Iterable[Event], ids: Sequence[str] | None) -> list[Outgoing]:
        outgoing: list[Outgoing] = []
        try:
            for one in with_ids(events, ids):
                outgoing.append(self._outgoing(PUBLISH_MANY, *one))
        except EncodeError as error:
            raise EncodeError(f"events[{len(outgoing)}]: {error}") from error
        return outgoing

    async def _ask(
        self, call: str, request: Request[Answer], timeout: float, traceparent: str | None = None
    ) -> AsyncGenerator[tuple[Answer, DovetailError | None]]:
        """Answers as they come, each with None or with why it is none."""
        encoding = encoding_of(request, call, ("request",))
        kind, subject = type(request), encoding.subject
        codec = self._codecs.get(kind)
        if codec is None:
            codec = self._codecs[kind] = Codec(answer_type(kind))
        body = encoding.encode(request, new_id(), self.options.source, traceparent)
        async with self.transport.request(subject, body, timeout) as answers:
            async for answer in answers:
                try:
                    envelope = codec.decode(answer)
                except DecodeError as error:
                    yield None, error  # type: ignore[misc]
                    continue
                said = envelope.failure
                yield envelope.data, None if said is None else HandlerFailed(said)  # type: ignore[misc]


def with_ids(events: Iterable[Event], ids: Sequence[str] | None) -> list[tuple[Event, str]]:
    """Each with its id, or a new one; ConfigurationError where there are not as many."""
    if isinstance(events, (Message, str, bytes, Mapping)) or not isinstance(events, Iterable):
        raise ConfigurationError(f"publish_many takes a list of events, not {shown(events)}")
    events = list(events)
    if ids is None:
        return [(event, new_id()) for event in events]
    if isinstance(ids, str) or not isinstance(ids, Sequence):
        raise ConfigurationError(f"publish_many takes ids as a list of texts, not {shown(ids)}")
    if len(ids) != len(events):
        raise ConfigurationError(f"{len(ids)} ids for {len(events)} events; give one for each")
    return list(zip(events, map(id_of, ids), strict=True))


def id_of(given: str | None) -> str:
    """This id, or a new one; ConfigurationError for one that some queue could not carry."""
    if given is None:
        return new_id()
    try:
        return message_id(given)
    except NotAllowed:
        checked: str = check("publish", "id", given, message_id)
        return checked
