"""What RabbitMQ does without a store: listening, and requests with their answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count

from pamqp import commands
from pamqp.base import Frame

from dovetail.answering import failure_answer
from dovetail.envelope import Received, received
from dovetail.errors import DovetailError, MessageTooLarge, NobodyListening
from dovetail.mailbox import Mailbox
from dovetail.subjects import matches
from dovetail.transport import Answerer
from dovetail.transports.rabbitmq.channel import INTERNAL_ERROR, Channel, ChannelClosed
from dovetail.transports.rabbitmq.client import Client, is_missing
from dovetail.transports.rabbitmq.entry import headers_of
from dovetail.transports.rabbitmq.frames import Content, Properties
from dovetail.transports.rabbitmq.layout import LIVE, REQUESTS, answers_of, key_of
from dovetail.transports.rabbitmq.publisher import Publisher
from dovetail.transports.rabbitmq.wire import ConnectionLost, Wire

log = logging.getLogger("dovetail.rabbitmq")

#: Requests that one handler answers at once; more wait their turn.
ANSWERS_AT_ONCE = 256
#: What listening or answering may take to begin, on a server that is just being restarted.
ATTACH_SECONDS = 600.0
_REPLY_TO = "amq.rabbitmq.reply-to"

#: Makes what a connection needs, on a channel of its own.
_Attach = Callable[[Channel], Awaitable[None]]


class Live:
    """Listeners, askers and servers of one process. What they need is made again on each new connection."""

    def __init__(self, client: Client, source: str, publisher: Publisher) -> None:
        self._client = client
        self._source = source
        self._check_size, self._learn_size = publisher.check_size, publisher.learn_size
        self._numbers = count(1)
        self._asking: dict[str, Mailbox[bytes | None]] = {}
        self._asks: Channel | None = None
        self._opening = asyncio.Lock()

    async def attach(self, wire: Wire) -> None:
        """A new connection: one channel for what is published, on which answers come back."""
        channel = await Channel.open(wire)
        channel.on_return = self._nobody_took
        channel.on_end = lambda: self._learn_size(channel.error)
        await channel.consume(_REPLY_TO, self._answered, no_ack=True)
        self._asks = channel

    async def tell(
        self, exchange: str, key: str, properties: Properties, body: bytes, deadline: float
    ) -> None:
        """Publish, at most once. `mandatory` where an answer is expected."""
        try:
            async with asyncio.timeout_at(deadline):
                wire = await self._client.ready()
                await wire.writable()
                channel = await self._ready(wire)
        except TimeoutError as error:
            raise self._client.unavailable() from error
        except (ConnectionLost, ChannelClosed) as error:
            raise self._client.unavailable(str(error)) from error
        mandatory = properties.reply_to is not None
        channel.publish_live(exchange, key, properties, body, mandatory=mandatory)

    async def _ready(self, wire: Wire) -> Channel:
        """The channel; another where the server has closed it because of what was published."""
        while (channel := self._asks) is None or channel.error is not None:
            async with self._opening:
                if self._asks is channel:
                    await self.attach(wire)
        return channel

    async def broadcast(self, subject: str, body: bytes, timeout: float) -> None:
        """As Transport.broadcast."""
        self._check_size(len(body))
        deadline = asyncio.get_running_loop().time() + timeout
        await self.tell(LIVE, subject, Properties(), body, deadline)

    # Listening

    @asynccontextmanager
    async def listen(
        self, pattern: str, missed: Callable[[], None] | None
    ) -> AsyncIterator[AsyncIterator[Received]]:
        """As Transport.listen."""
        mailbox: Mailbox[Received] = Mailbox(pattern, missed)

        def came(content: Content) -> None:
            if matches(pattern, content.key):
                mailbox.put(received(content.key, content.body, headers_of(content)))

        async def attach(channel: Channel) -> None:
            await _own_queue(channel, LIVE, key_of(pattern), came)

        self._client.on_lost.append(mailbox.gap)
        try:
            async with self._attached(attach):
                yield aiter(mailbox)
        finally:
            self._client.on_lost.remove(mailbox.gap)

    # Asking

    @asynccontextmanager
    async def request(
        self, subject: str, body: bytes, timeout: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """As Transport.request."""
        self._check_size(len(body))
        async with self.ask(REQUESTS, subject, body, timeout) as answers:
            yield answers

    @asynccontextmanager
    async def ask(
        self, exchange: str, key: str, body: bytes, timeout: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The answers that come within the time; NobodyListening where no queue takes the question."""
        deadline = asyncio.get_running_loop().time() + timeout
        number = str(next(self._numbers))
        mailbox = self._asking[number] = Mailbox(key)

        async def answers() -> AsyncIterator[bytes]:
            while True:
                try:
                    answer = await mailbox.get(deadline)
                except TimeoutError:
                    self._check_size(len(body))  # how large it may be is known only now, perhaps
                    return
                if answer is None:
                    raise NobodyListening(key)
                yield answer

        try:
            question = Properties(reply_to=_REPLY_TO, correlation_id=number)
            await self.tell(exchange, key, question, body, deadline)
            yield answers()
        finally:
            del self._asking[number]

    def _answered(self, content: Content) -> None:
        if mailbox := self._asking.get(content.properties.correlation_id or ""):
            mailbox.put(content.body)

    def _nobody_took(self, content: Content) -> None:
        if mailbox := self._asking.get(content.properties.correlation_id or ""):
            mailbox.put(None)

    async def answer(self, question: Content, body: bytes) -> None:
        """Answer whoever asked, at most once."""
        asked = question.properties
        if asked.reply_to:
            said = Properties(correlation_id=asked.correlation_id)
            deadline = asyncio.get_running_loop().time()
            try:
                self._check_size(len(body))
                await self.tell("", asked.reply_to, said, body, deadline + 1)
            except DovetailError as error:
                log.warning("an answer did not get through: %s", error)

    # Answering

    async def serve(
        self, subject: str, group: str | None, answer: Answerer
    ) -> Callable[[], Awaitable[None]]:
        """As Transport.serve."""
        tasks: set[asyncio.Task[None]] = set()
        places = asyncio.Semaphore(ANSWERS_AT_ONCE)

        async def respond(question: Content) -> None:
            async with places:
                answered = await answer(question.body)
            try:
                self._check_size(len(answered))
            except MessageTooLarge as error:
                answered = failure_answer(subject, error, self._source)
            await self.answer(question, answered)

        def asked(question: Content) -> None:
            task = asyncio.get_running_loop().create_task(respond(question))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        async def attach(channel: Channel) -> None:
            if group is None:
                await _own_queue(channel, REQUESTS, subject, asked)
                return
            queue = answers_of(group, subject)
            declare = commands.Queue.Declare(queue=queue, durable=True, auto_delete=True)
            await _consumed(channel, declare, REQUESTS, subject, asked)

        serving = self._attached(attach)
        await serving.__aenter__()

        async def stop() -> None:
            try:
                await serving.__aexit__(None, None, None)
                await asyncio.gather(*tasks)
            finally:
                for task in tasks:  # where there was no time to wait for them
                    task.cancel()

        return stop

    @asynccontextmanager
    async def _attached(self, attach: _Attach) -> AsyncIterator[None]:
        """Attached now and on each later connection."""
        channels: list[Channel] = []
        over = False

        async def on_connected(wire: Wire) -> None:
            channel = await Channel.open(wire)
            if over:
                await channel.close()
                return
            channels[:] = [channel]
            await attach(channel)
            channel.on_end = lambda: wire.abort(f"{channel.error}")
            channel.on_cancel = lambda consumer: wire.abort("a queue for live messages is gone")

        deadline = asyncio.get_running_loop().time() + ATTACH_SECONDS
        try:
            await self._client.with_wire(on_connected, deadline=deadline)
            self._client.on_connected.append(on_connected)
            yield
        finally:
            over = True
            if on_connected in self._client.on_connected:
                self._client.on_connected.remove(on_connected)
            for channel in channels:
                channel.on_end = lambda: None
                await channel.close()


async def _own_queue(
    channel: Channel, exchange: str, key: str, taker: Callable[[Content], None]
) -> None:
    """A queue that is gone with the connection, and is read by us alone."""
    declare = commands.Queue.Declare(queue="", exclusive=True, auto_delete=True)
    await _consumed(channel, declare, exchange, key, taker)


async def _consumed(
    channel: Channel, declare: Frame, exchange: str, key: str, taker: Callable[[Content], None]
) -> None:
    """Bound last: a queue that never had a consumer would stay when we are cancelled, and take what comes."""
    declared = await channel.call(declare)
    try:
        await channel.consume(declared.queue, taker, no_ack=True)
    except ChannelClosed as error:
        if not is_missing(error):
            raise
        # The last who answered has just left, and the queue with it: begin anew, on another channel.
        raise ChannelClosed(INTERNAL_ERROR, error.text) from error
    await channel.call(
        commands.Queue.Bind(queue=declared.queue, exchange=exchange, routing_key=key)
    )
