"""What Redis does without a store: listening, and requests with their answers."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from itertools import count

from dovetail.answering import failure_answer
from dovetail.envelope import Received, received
from dovetail.errors import DovetailError, MessageTooLarge, NobodyListening
from dovetail.mailbox import Mailbox
from dovetail.subjects import is_pattern, matches
from dovetail.transport import Answerer
from dovetail.transports.redis.client import Client
from dovetail.transports.redis.layout import TAG, channel_of, glob_of, is_of_other_database
from dovetail.transports.redis.publisher import MOST_BYTES, check_size
from dovetail.transports.redis.pubsub import PubSub

log = logging.getLogger("dovetail.redis")

#: Requests that one handler answers at once; more wait their turn.
ANSWERS_AT_ONCE = 256
#: Members say so often that they serve, in case the server has forgotten.
SERVING_SECONDS = 2.0


class Live:
    """Listeners, askers and servers of one process.

    A question is `<channel> <number>\\n<body>`, and its answer goes to that channel as `<number>\\n<body>`.
    """

    def __init__(self, client: Client, pubsub: PubSub, source: str, channels: str) -> None:
        self._client = client
        self._channels = channels
        self._pubsub = pubsub
        self._source = source
        self._own_channel = channel_of(secrets.token_hex(8))
        self._numbers = count(1)
        self._asking: dict[bytes, Mailbox[bytes]] = {}
        self._hears_answers: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def listen(
        self, pattern: str, missed: Callable[[], None] | None
    ) -> AsyncIterator[AsyncIterator[Received]]:
        """As Transport.listen."""
        mailbox: Mailbox[Received] = Mailbox(pattern, missed)
        wild = is_pattern(pattern)

        def arrived(channel: bytes, payload: bytes) -> None:
            subject = channel.decode(errors="replace")  # other clients may use any bytes
            subject = subject.removeprefix(self._channels)
            if not wild or (matches(pattern, subject) and not self._is_foreign(subject)):
                mailbox.put(received(subject, payload))

        kind, name = ("pmessage", glob_of(pattern)) if wild else ("message", pattern)
        channel = self._channels + name
        await self._pubsub.subscribe(kind, channel, arrived)
        self._pubsub.on_lost.append(mailbox.gap)
        try:
            yield aiter(mailbox)
        finally:
            self._pubsub.on_lost.remove(mailbox.gap)
            self._pubsub.forget(kind, channel, arrived)

    def _is_foreign(self, subject: str) -> bool:
        """Whether a pattern let through what is no event of this database."""
        return subject.startswith(TAG) or (not self._channels and is_of_other_database(subject))

    @asynccontextmanager
    async def request(
        self, subject: str, body: bytes, timeout: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """As Transport.request."""
        check_size(len(body))
        deadline = asyncio.get_running_loop().time() + timeout
        mailbox: Mailbox[bytes] = Mailbox(subject)
        try:
            async with asyncio.timeout_at(deadline):
                await self._hear_answers()
        except TimeoutError as error:
            raise self._client.unavailable() from error
        number = b"%d" % next(self._numbers)
        question = b"%s %s\n%s" % (self._own_channel.encode(), number, body)

        async def answers() -> AsyncIterator[bytes]:
            if not asked:
                raise NobodyListening(subject)
            while True:
                try:
                    answer = await mailbox.get(deadline)
                except TimeoutError:
                    return
                yield answer

        self._asking[number] = mailbox
        try:
            asked = await self._client.script(
                "ask", subject, question, deadline=deadline, repeat=False
            )
            yield answers()
        finally:
            del self._asking[number]

    async def _hear_answers(self) -> None:
        if self._hears_answers is None or (
            self._hears_answers.done() and self._hears_answers.exception()
        ):
            subscribing = self._pubsub.subscribe("smessage", self._own_channel, self._answered)
            self._hears_answers = asyncio.create_task(subscribing)
        await asyncio.shield(self._hears_answers)

    def _answered(self, channel: bytes, payload: bytes) -> None:
        number, _, answer = payload.partition(b"\n")
        if mailbox := self._asking.get(number):
            mailbox.put(answer)

    async def serve(
        self, subject: str, group: str | None, answer: Answerer
    ) -> Callable[[], Awaitable[None]]:
        """As Transport.serve."""
        channel = channel_of(secrets.token_hex(8))
        tasks: set[asyncio.Task[None]] = set()
        places = asyncio.Semaphore(ANSWERS_AT_ONCE)

        async def respond(question: bytes) -> None:
            about, _, body = question.partition(b"\n")
            reply_to, _, number = about.partition(b" ")
            async with places:
                answered = await answer(body)
            if len(answered) > MOST_BYTES:
                error = MessageTooLarge(len(answered), MOST_BYTES)
                answered = failure_answer(subject, error, self._source)
            try:
                await self._client.run(
                    "SPUBLISH", reply_to, b"%s\n%s" % (number, answered), repeat=False
                )
            except DovetailError as error:
                log.warning("an answer on %s did not get through: %s", subject, error)

        def asked(_: bytes, question: bytes) -> None:
            task = asyncio.get_running_loop().create_task(respond(question))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        member = subject, group or "", channel
        await self._pubsub.subscribe("smessage", channel, asked)
        try:
            await self._client.script("serve", *member, 1)
        except BaseException:
            self._pubsub.forget("smessage", channel, asked)
            raise
        again = asyncio.Event()
        self._pubsub.on_connected.append(again_set := lambda _: again.set())
        registering = asyncio.create_task(self._register(again, *member))

        async def stop() -> None:
            self._pubsub.on_connected.remove(again_set)
            registering.cancel()
            try:
                await asyncio.wait([registering])
                if self._client.connected:
                    await self._client.script("serve", *member, 0)
                await self._pubsub.caught_up()
            except DovetailError as error:
                log.debug("whoever asks finds out that %s has gone: %s", channel, error)
            finally:
                self._pubsub.forget("smessage", channel, asked)
            await asyncio.gather(*tasks)

        return stop

    async def _register(self, again: asyncio.Event, *member: str) -> None:
        """Who lost the connection is forgotten when somebody asks; a flushed server forgets everybody."""
        while True:
            again.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(again.wait(), SERVING_SECONDS)
            try:
                await self._client.script("serve", *member, 1)
            except DovetailError as error:
                log.debug("not registered: %s", error)
