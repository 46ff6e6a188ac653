"""Request-reply: asking, and answering. Answers come back on the channel on which was asked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count

from dovetail.errors import DovetailError, NobodyListening
from dovetail.transport import Answerer
from dovetail.transports.common.mailbox import Mailbox
from dovetail.transports.common.requests import AnswerTasks, answers_until, fitting_answer
from dovetail.transports.rabbitmq import limits
from dovetail.transports.rabbitmq.channel import Channel
from dovetail.transports.rabbitmq.frames import Content, Properties
from dovetail.transports.rabbitmq.live_channel import (
    REPLY_TO,
    LiveChannel,
    SharedQueue,
    own_queue,
)
from dovetail.transports.rabbitmq.topology import REQUESTS, answers_of

log = logging.getLogger("dovetail.rabbitmq")


class Requests:
    """Askers and answerers of one process."""

    def __init__(self, live: LiveChannel, source: str) -> None:
        self._live = live
        self._source = source
        self._numbers = count(1)
        self._asking: dict[str, Mailbox[bytes | Exception]] = {}
        live.on_answer, live.on_return = self._answered, self._nobody_took

    @asynccontextmanager
    async def request(
        self, subject: str, body: bytes, timeout: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The answers to a request."""
        self._live.check_size(len(body))
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
            async for answer in answers_until(deadline, mailbox):
                yield answer
            self._live.check_size(len(body))  # how large it may be is known only now, perhaps

        try:
            question = Properties(reply_to=REPLY_TO, correlation_id=number)
            await self._live.publish(exchange, key, question, body, deadline)
            yield answers()
        finally:
            del self._asking[number]

    def _answered(self, content: Content) -> None:
        if mailbox := self._asking.get(content.properties.correlation_id or ""):
            mailbox.put(content.body)

    def _nobody_took(self, content: Content) -> None:
        if mailbox := self._asking.get(content.properties.correlation_id or ""):
            mailbox.put(NobodyListening(content.key))

    async def answer(self, question: Content, body: bytes) -> None:
        """Answer whoever asked, at most once."""
        asked = question.properties
        if asked.reply_to:
            said = Properties(correlation_id=asked.correlation_id)
            deadline = asyncio.get_running_loop().time() + limits.ANSWER_SECONDS
            try:
                self._live.check_size(len(body))
                await self._live.publish("", asked.reply_to, said, body, deadline)
            except DovetailError as error:
                log.warning("an answer did not get through: %s", error)

    async def serve(
        self, subject: str, group: str | None, answer: Answerer
    ) -> Callable[[], Awaitable[None]]:
        """Answer requests, by a queue that the members of a group share; gives what ends it."""

        async def respond(question: Content) -> None:
            answered = await fitting_answer(
                answer, question.body, self._live.check_size, subject, self._source
            )
            await self.answer(question, answered)

        async def attach(channel: Channel) -> None:
            if shared is None:
                await own_queue(channel, REQUESTS, subject, tasks.start)
            else:
                await shared.consume(channel, REQUESTS, subject, tasks.start)

        shared: SharedQueue | None = None
        if group is not None:
            name = answers_of(group, subject)
            shared = SharedQueue(name, durable=self._live.refuses_transient)
        tasks = AnswerTasks(respond)
        serving = self._live.attached(f"answering {subject}", attach)
        await serving.__aenter__()

        async def stop() -> None:
            try:
                await serving.__aexit__(None, None, None)
                await tasks.finish()
            finally:  # where there was no time to wait for them
                tasks.cancel()

        return stop
