"""Requests and their answers, over sharded channels that nobody else has.

A request is `<channel> <number>\\n<body>`, and its answer goes to that channel as `<number>\\n<body>`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from itertools import count

from dovetail import clock
from dovetail.errors import DovetailError, NobodyListening
from dovetail.transport import Answerer
from dovetail.transports.common.mailbox import Mailbox
from dovetail.transports.common.requests import AnswerTasks, answers_until, fitting_answer
from dovetail.transports.redis import limits
from dovetail.transports.redis.client import Client
from dovetail.transports.redis.pubsub_connection import PubSubConnection
from dovetail.transports.redis.topology import channel_of
from dovetail.unforeseen import Unforeseen

log = logging.getLogger("dovetail.redis")


class Requests:
    """Asks and answers for one process."""

    def __init__(self, client: Client, connection: PubSubConnection, source: str) -> None:
        self._client = client
        self._connection = connection
        self._source = source
        self._own_channel = channel_of(clock.token())
        self._numbers = count(1)
        self._asking: dict[bytes, Mailbox[bytes | Exception]] = {}
        self._hears_answers: asyncio.Task[None] | None = None

    # Asking

    @asynccontextmanager
    async def request(
        self, subject: str, body: bytes, timeout: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        limits.check_size(len(body))
        deadline = asyncio.get_running_loop().time() + timeout
        mailbox: Mailbox[bytes | Exception] = Mailbox(subject)
        try:
            async with asyncio.timeout_at(deadline):
                await self._hear_answers()
        except TimeoutError as error:
            raise self._client.unavailable() from error
        number = b"%d" % next(self._numbers)
        request = b"%s %s\n%s" % (self._own_channel.encode(), number, body)
        self._asking[number] = mailbox
        try:
            if not await self._client.script(
                "request", subject, request, deadline=deadline, repeat=False
            ):
                mailbox.put(NobodyListening(subject))
            yield answers_until(deadline, mailbox)
        finally:
            del self._asking[number]

    async def _hear_answers(self) -> None:
        if self._hears_answers is None or (
            self._hears_answers.done() and self._hears_answers.exception()
        ):
            subscribing = self._connection.subscribe("smessage", self._own_channel, self._answered)
            self._hears_answers = asyncio.create_task(subscribing)
        await asyncio.shield(self._hears_answers)

    def _answered(self, channel: bytes, payload: bytes) -> None:
        number, _, answer = payload.partition(b"\n")
        if mailbox := self._asking.get(number):
            mailbox.put(answer)

    # Answering

    async def serve(
        self, subject: str, group: str | None, answer: Answerer
    ) -> Callable[[], Awaitable[None]]:
        channel = channel_of(clock.token())

        async def respond(request: bytes) -> None:
            about, _, body = request.partition(b"\n")
            reply_to, _, number = about.partition(b" ")
            answered = await fitting_answer(answer, body, limits.check_size, subject, self._source)
            try:
                await self._client.run(
                    "SPUBLISH", reply_to, b"%s\n%s" % (number, answered), repeat=False
                )
            except DovetailError as error:
                log.warning("an answer on %s did not get through: %s", subject, error)

        tasks = AnswerTasks(respond)

        def asked(_: bytes, request: bytes) -> None:
            tasks.start(request)

        await self._connection.subscribe("smessage", channel, asked)
        try:
            leave = await self._register(subject, group or "", channel)
        except BaseException:
            self._connection.forget("smessage", channel, asked)
            raise

        async def stop() -> None:
            try:
                await leave()
                await self._connection.caught_up()
            except DovetailError as error:
                log.debug("whoever asks finds out that %s has gone: %s", channel, error)
            finally:
                self._connection.forget("smessage", channel, asked)
            await tasks.finish()

        return stop

    async def _register(self, *member: str) -> Callable[[], Awaitable[None]]:
        """Say that the member serves, and again from time to time; what is given ends that."""
        await self._client.script("serve", *member, 1)
        again = asyncio.Event()
        self._connection.on_connected.append(again_set := lambda _: again.set())
        task = asyncio.create_task(self._register_again(again, *member))

        async def leave() -> None:
            self._connection.on_connected.remove(again_set)
            task.cancel()
            await asyncio.wait([task])
            if self._client.connected:
                await self._client.script("serve", *member, 0)

        return leave

    async def _register_again(self, again: asyncio.Event, *member: str) -> None:
        """Who lost the connection is forgotten when somebody asks; a flushed server forgets everybody."""
        unforeseen = Unforeseen(log, "registering who answers requests")
        while True:
            again.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(again.wait(), limits.SERVING_SECONDS)
            try:
                await self._client.script("serve", *member, 1)
            except DovetailError as error:
                log.debug("not registered: %s", error)
            except Exception as error:  # noqa: BLE001 - or nobody would be asked after a restart
                unforeseen.tell(error)
