"""One channel as the server has it: methods, consumers, what was delivered and is not settled."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from pamqp import commands
from pamqp.base import Frame

from simulation.servers.rabbitmq import frames, topology
from simulation.servers.rabbitmq.broker import REPLY_TO
from simulation.servers.rabbitmq.frames import Piece
from simulation.servers.rabbitmq.messages import Message
from simulation.servers.rabbitmq.publishing import Publishing
from simulation.servers.rabbitmq.queues import Consumer, Entry
from simulation.servers.rabbitmq.refusals import Refused, not_simulated, precondition

if TYPE_CHECKING:
    from simulation.servers.rabbitmq.connection import Connection

#: How often it is looked at whether something is not acked for too long.
LOOK_SECONDS = 60.0


class _Delivered(NamedTuple):
    consumer: Consumer
    entry: Entry
    time: float


class Channel:
    """Ends with its connection, when the client closes it, or when the client is refused something."""

    def __init__(self, connection: Connection, number: int) -> None:
        self._connection = connection
        self._broker = connection.broker
        self._number = number
        self._publishing = Publishing(self._broker, self.send, self._send_content)
        self._prefetch = 0
        self._consumers: dict[str, Consumer] = {}
        #: All that may have something of a queue, also when they were cancelled.
        self._begun: list[Consumer] = []
        self._answers_tag = ""
        self._tag = 0
        self._unsettled: dict[int, _Delivered] = {}
        self._looking: asyncio.TimerHandle | None = None
        #: What came while a queue has not answered yet; None while nothing is waited for.
        self._later: deque[Piece] | None = None
        #: It has ended, and the client has not said yet that it knows.
        self.closing = self.ended = False

    # What comes

    def piece(self, piece: Piece) -> None:
        """A frame. Raises Refused where the connection is to end."""
        if not self._put_off([piece]):
            self._take_or_refuse(piece)

    def _put_off(self, pieces: Iterable[Piece]) -> bool:
        """Whether these are to wait for a queue."""
        if self._later is None:
            return False
        self._later.extend(pieces)
        return True

    def _take_or_refuse(self, piece: Piece) -> None:
        try:
            self._take(piece)
        except Refused as refused:
            if refused.ends_connection:
                raise
            self._refuse(refused, piece)

    def _take(self, piece: Piece) -> None:
        if piece.kind != frames.METHOD:
            if not self.closing:
                self._publishing.frame(piece.kind, piece.payload)
            return
        command = self._connection.reader.method(piece.payload)
        if isinstance(command, (commands.Channel.Close, commands.Channel.CloseOk)):
            self._closed(command)
        elif not self.closing:
            if self._publishing.expects_content:
                raise Refused(505, "a method in the middle of a message")
            self._method(command)

    def _closed(self, command: Frame) -> None:
        if isinstance(command, commands.Channel.Close):
            self.end()
            self._say(commands.Channel.CloseOk())
        self._connection.forget(self._number)

    def _refuse(self, refused: Refused, piece: Piece) -> None:
        kinds = (
            (piece.payload[:2], piece.payload[2:4]) if piece.kind == frames.METHOD else (b"", b"")
        )
        class_id, method_id = (int.from_bytes(one, "big") for one in kinds)
        self.close(refused, class_id, method_id)

    def close(self, refused: Refused, class_id: int = 0, method_id: int = 0) -> None:
        """By the server; the client is told why."""
        self.end()
        self.closing = True
        self._say(commands.Channel.Close(refused.code, str(refused), class_id, method_id))

    def _method(self, command: Any) -> None:
        if getattr(command, "nowait", False):
            raise not_simulated("a method without a reply")
        if (change := topology.METHODS.get(command.name)) is not None:
            self.send(change(self._broker, self._connection, command))
        elif (handle := self._METHODS.get(command.name)) is not None:
            handle(self, command)
        else:
            raise not_simulated(command.name)

    def end(self) -> None:
        """What it had is delivered again, to others."""
        self.ended = True
        self._unsettled.clear()
        self._broker.asking.pop(self._publishing.reply_to, None)
        if self._looking is not None:
            self._looking.cancel()
        for consumer in self._begun:
            if not consumer.queue.deleted:
                consumer.queue.leave(consumer)
        self._begun.clear()
        self._consumers.clear()

    def abandon(self) -> None:
        """The server ends: nobody is told anything."""
        self.ended = True
        if self._looking is not None:
            self._looking.cancel()

    # What goes

    def send(self, command: Frame) -> None:
        """A method without content, unless the channel has ended."""
        if not self.ended:
            self._say(command)

    def _say(self, command: Frame) -> None:
        self._connection.write(frames.written(self._number, command))

    def _send_content(self, command: Frame, message: Message) -> None:
        if not self.ended:
            most = self._connection.frame_max
            self._connection.write(frames.content(self._number, command, message, most))

    def deliver(self, consumer: Consumer, entry: Entry, message: Message) -> None:
        """As Receiver.deliver. A queue that has not heard yet that this has ended delivers to nobody."""
        if self.ended:
            return
        self._tag += 1
        if not consumer.no_ack:
            now = asyncio.get_running_loop().time()
            self._unsettled[self._tag] = _Delivered(consumer, entry, now)
            if self._looking is None:
                self._look_later()
        redelivered = entry.deliveries > 0
        self._send_content(
            commands.Basic.Deliver(
                consumer.tag, self._tag, redelivered, message.exchange, message.key
            ),
            message,
        )

    def cancelled(self, consumer: Consumer) -> None:
        """As Receiver.cancelled."""
        self._consumers.pop(consumer.tag, None)
        self.send(commands.Basic.Cancel(consumer.tag, nowait=True))

    def answered(self, message: Message) -> None:
        """As TakesAnswers.answered."""
        self._tag += 1
        self._send_content(
            commands.Basic.Deliver(self._answers_tag, self._tag, False, "", message.key), message
        )

    # Methods

    def _publish(self, command: commands.Basic.Publish) -> None:
        self._publishing.begin(command)

    def _confirm(self, _command: commands.Confirm.Select) -> None:
        self._publishing.select_confirms()
        self.send(commands.Confirm.SelectOk())

    def _qos(self, command: commands.Basic.Qos) -> None:
        if command.prefetch_size or command.global_:
            raise not_simulated("a prefetch in bytes, or for the whole channel")
        self._prefetch = command.prefetch_count
        self.send(commands.Basic.QosOk())

    def _consume(self, command: commands.Basic.Consume) -> None:
        tag, arguments = command.consumer_tag, dict(command.arguments or {})
        if command.exclusive or command.no_local or arguments.keys() - {"x-stream-offset"}:
            raise not_simulated("a consumer that wants more than messages")
        if not tag or tag in self._consumers:
            raise Refused(530, f"attempt to reuse consumer tag '{tag}'")
        if command.queue == REPLY_TO:
            self._consume_answers(command)
            return
        queue = self._broker.queue(command.queue, self._connection)
        consumer = Consumer(self, tag, queue, command.no_ack, self._prefetch, arguments)
        self._later = deque()
        try:
            queue.consume(consumer, lambda: self._answer(commands.Basic.ConsumeOk(tag)))
        except Refused:
            self._later = None
            raise
        self._consumers[tag] = consumer
        self._begun.append(consumer)

    def _consume_answers(self, command: commands.Basic.Consume) -> None:
        if not command.no_ack:
            raise precondition("reply consumer cannot acknowledge")
        if self._publishing.reply_to:
            raise precondition("reply consumer already set")
        self._publishing.reply_to = name = f"{REPLY_TO}.{self._connection.token()}"
        self._broker.asking[name] = self
        self._answers_tag = command.consumer_tag
        self.send(commands.Basic.ConsumeOk(command.consumer_tag))

    def _cancel(self, command: commands.Basic.Cancel) -> None:
        tag = command.consumer_tag or ""
        consumer = self._consumers.pop(tag, None)
        if consumer is None:
            self.send(commands.Basic.CancelOk(tag))
            return
        self._later = deque()
        consumer.queue.cancel(consumer, lambda: self._answer(commands.Basic.CancelOk(tag)))

    def _ack(self, command: commands.Basic.Ack) -> None:
        for consumer, entries in self._taken(command.delivery_tag, command.multiple).items():
            consumer.queue.settle(consumer, entries)

    def _nack(self, command: commands.Basic.Nack) -> None:
        for consumer, entries in self._taken(command.delivery_tag, command.multiple).items():
            queue = consumer.queue
            (queue.requeue if command.requeue else queue.reject)(consumer, entries)

    def _taken(self, tag: int, multiple: bool) -> dict[Consumer, list[Entry]]:
        """What is settled by this, by the consumers that had it; nothing of a queue that is gone."""
        if multiple:
            tags = [one for one in self._unsettled if not tag or one <= tag]
        else:
            tags = [tag] if tag in self._unsettled else []
        if not tags and tag:
            raise precondition(f"unknown delivery tag {tag}")
        taken: dict[Consumer, list[Entry]] = {}
        for one in tags:
            delivered = self._unsettled.pop(one)
            if not delivered.consumer.queue.deleted:
                taken.setdefault(delivered.consumer, []).append(delivered.entry)
        return taken

    _METHODS: ClassVar[Mapping[str, Callable[[Channel, Any], None]]] = {
        "Basic.Publish": _publish,
        "Confirm.Select": _confirm,
        "Basic.Qos": _qos,
        "Basic.Consume": _consume,
        "Basic.Cancel": _cancel,
        "Basic.Ack": _ack,
        "Basic.Nack": _nack,
    }

    # Waiting for a queue

    def _answer(self, command: Frame) -> None:
        """The queue has answered; what came meanwhile is looked at next."""
        self.send(command)
        if self._later:
            asyncio.get_running_loop().call_soon(self._catch_up)
        else:
            self._later = None

    def _catch_up(self) -> None:
        later, self._later = self._later or deque(), None
        while later:
            if self._put_off(later):
                return
            self._connection.take(self, later.popleft())

    # Acks that do not come

    def _look_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._looking = loop.call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        self._looking = None
        if self.ended or not self._unsettled:
            return
        most = self._connection.consumer_timeout
        oldest = next(iter(self._unsettled.values()))
        if asyncio.get_running_loop().time() - oldest.time <= most:
            self._look_later()
            return
        self.close(
            precondition(
                f"delivery acknowledgement on channel {self._number} timed out. Timeout value used: "
                f"{most * 1000:.0f} ms. This timeout value can be configured, see consumers doc guide to "
                "learn more"
            )
        )
