"""Requests and replies: asking, and answering."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from dovetail.errors import NobodyListening
from dovetail.transport import Answerer
from dovetail.transports.common.mailbox import Mailbox
from dovetail.transports.common.requests import AnswerTasks, answers_until, fitting_answer
from dovetail.transports.nats.client import Client
from dovetail.transports.nats.core_publish import check_size, core_message, is_stream_refusal
from dovetail.transports.nats.headers import MESSAGE_ID, NO_RESPONDERS
from dovetail.transports.nats.protocol import pub
from dovetail.transports.nats.pubsub import seen_by_server, send
from dovetail.transports.nats.replies import Reply


@asynccontextmanager
async def asking(
    client: Client, subject: str, body: bytes, timeout: float
) -> AsyncIterator[AsyncIterator[Reply]]:
    """Every answer, with its headers, until the time is over."""
    answers: Mailbox[Reply | Exception] = Mailbox(subject)
    inbox = client.new_inbox()
    message = core_message(client.info, subject, body, inbox)
    deadline = client.loop.time() + timeout

    def arrived(_: bytes, reply: bytes, headers: bytes | None, payload: bytes) -> None:
        if headers is not None and headers.startswith(NO_RESPONDERS):
            answers.put(NobodyListening(subject))
        elif not is_stream_refusal(headers, payload):
            answers.put((headers, payload))

    with client.refusals.of(answers.put, subject, inbox.decode()):
        sid = client.subscribe(inbox, arrived)
        try:
            await send(client, message, deadline)
            yield answers_until(deadline, answers)
        finally:
            client.forget(sid)


async def serving(
    client: Client, subject: str, group: str | None, answer: Answerer, source: str
) -> Callable[[], Awaitable[None]]:
    """As Transport.serve; `source` is that of the answers."""

    async def respond(request: tuple[bytes, bytes]) -> None:
        reply, payload = request
        body = await fitting_answer(
            answer, payload, lambda size: check_size(client.info, size), subject, source
        )
        client.write(pub(reply, body))

    tasks = AnswerTasks(respond)

    def arrived(_: bytes, reply: bytes, headers: bytes | None, payload: bytes) -> None:
        # An event on the same subject has an id. It is for a stream, which confirms it.
        if reply and (headers is None or MESSAGE_ID not in headers):
            tasks.start((reply, payload))

    sid = client.subscribe(subject.encode(), arrived, (group or "").encode())
    try:
        await seen_by_server(client, subject)
    except BaseException:
        client.forget(sid)
        raise

    async def stop() -> None:
        await client.unsubscribe(sid)
        await tasks.finish()

    return stop
