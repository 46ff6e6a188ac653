"""The part of a channel that publishes: content in pieces, routing, what nobody takes, confirms."""

from __future__ import annotations

from collections.abc import Callable

from pamqp import commands
from pamqp.base import Frame

from simulation.servers.rabbitmq import frames
from simulation.servers.rabbitmq.broker import REPLY_TO, Broker
from simulation.servers.rabbitmq.confirms import Confirms
from simulation.servers.rabbitmq.messages import EXPIRATION, Message
from simulation.servers.rabbitmq.refusals import Refused, not_simulated, precondition

#: Sends a method with its content.
SendContent = Callable[[Frame, Message], None]


class Publishing:
    """Of one channel. `reply_to` is where its answers go, once it consumes them."""

    def __init__(
        self, broker: Broker, send: Callable[[Frame], None], send_content: SendContent
    ) -> None:
        self._broker = broker
        self._send = send
        self._send_content = send_content
        self._confirms: Confirms | None = None
        self.reply_to = ""
        self.most_bytes = 128 * 1024 * 1024
        #: What is being published, its properties once they came, and how many bytes of it are missing.
        self._publish: commands.Basic.Publish | None = None
        self._properties: bytes | None = None
        self._missing = 0
        self._parts: list[bytes] = []

    def select_confirms(self) -> None:
        """From now on what is published is confirmed."""
        self._confirms = self._confirms or Confirms(self._send)

    # Content

    @property
    def expects_content(self) -> bool:
        """Whether a message is not complete."""
        return self._publish is not None

    def begin(self, publish: commands.Basic.Publish) -> None:
        """Its content follows."""
        if publish.immediate:
            raise not_simulated("immediate")
        self._publish, self._properties = publish, None

    def frame(self, kind: int, payload: bytes) -> None:
        """A part of the content. Raises Refused."""
        if self._publish is None or (kind == frames.HEADER) != (self._properties is None):
            raise Refused(505, "content that was not expected")
        if kind == frames.HEADER:
            self._missing, self._properties = frames.content_header(payload)
            self._parts = []
        else:
            self._missing -= len(payload)
            self._parts.append(payload)
        if self._missing < 0:
            raise Refused(505, "more content than was said")
        if not self._missing:
            self._complete()

    def _complete(self) -> None:
        publish, properties = self._publish, self._properties
        assert publish is not None
        assert properties is not None
        self._publish = None
        body = b"".join(self._parts)
        if len(body) > self.most_bytes:
            raise precondition(
                f"message size {len(body)} is larger than configured max size {self.most_bytes}"
            )
        self._route(
            Message(publish.exchange, publish.routing_key, properties, body), publish.mandatory
        )

    # Routing

    def _route(self, message: Message, mandatory: bool) -> None:
        if message.value_of(EXPIRATION) is not None:
            raise not_simulated("a message that expires by itself")
        if message.reply_to == REPLY_TO:
            if not self.reply_to:
                raise precondition("fast reply consumer does not exist")
            message = message.answered_at(self.reply_to)
        if not message.exchange and (asking := self._broker.asking.get(message.key)):
            asking.answered(message)
            self._confirmed(0)
            return
        queues = self._broker.route(message.exchange, message.keys())
        if mandatory and not queues:
            returned = commands.Basic.Return(312, "NO_ROUTE", message.exchange, message.key)
            self._send_content(returned, message)
        message = message.without_hidden_keys()
        confirm = self._confirmed(len(queues))
        for queue in queues:
            queue.publish(message, confirm)

    def _confirmed(self, queues: int) -> Callable[[], None]:
        return self._confirms.published(queues) if self._confirms else lambda: None
