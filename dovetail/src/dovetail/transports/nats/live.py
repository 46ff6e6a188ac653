"""What NATS does without a store: listening, and requests with their answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from dovetail.answering import failure_answer
from dovetail.envelope import Received, received
from dovetail.errors import MessageTooLarge, NobodyListening, QueueUnavailable
from dovetail.mailbox import Mailbox
from dovetail.subjects import RESERVED
from dovetail.transport import Answerer
from dovetail.transports.nats.client import NO_RESPONDERS, Client, Reply
from dovetail.transports.nats.headers import parse_headers
from dovetail.transports.nats.rights import NotPermitted
from dovetail.transports.nats.unstored import is_refusal, unstored
from dovetail.transports.nats.wire import SIZE_SETTING

log = logging.getLogger("dovetail.nats")

#: Requests that one handler answers at once; more wait their turn.
ANSWERS_AT_ONCE = 256
#: A publisher that tries again is heard again: that many ids are remembered, to deliver each once.
RECENT_IDS = 10_000
#: What the server may take to see a subscription; it outlasts a restart.
SUBSCRIBE_SECONDS = 5.0
#: What goes on between the queue and its clients, which `>` and `*` would show as well.
_INTERNAL = ("$", "_INBOX.", f"{RESERVED}.")


@asynccontextmanager
async def listening(
    client: Client, pattern: str, missed: Callable[[], None] | None
) -> AsyncIterator[AsyncIterator[Received]]:
    """As Transport.listen."""
    mailbox: Mailbox[Received] = Mailbox(pattern, missed)
    hidden = _INTERNAL if pattern.startswith(("*", ">")) else ()
    recent: dict[str, None] = {}

    def repeated(message_id: str | None) -> bool:
        if message_id is None or message_id in recent:
            return message_id is not None
        recent[message_id] = None
        if len(recent) > RECENT_IDS:
            del recent[next(iter(recent))]
        return False

    def arrived(subject: bytes, reply: bytes, headers: bytes | None, payload: bytes) -> None:
        name = subject.decode(errors="replace")  # other clients may use any bytes
        fields = parse_headers(headers) if headers else {}
        if not name.startswith(hidden) and not repeated(fields.get("Nats-Msg-Id")):
            mailbox.put(received(name, payload, fields))

    sid = client.subscribe(pattern.encode(), arrived)
    client.on_lost.append(mailbox.gap)
    try:
        # Only when the server has seen the subscription is it true that nothing is missed from now on.
        await subscribed(client, pattern)
        yield aiter(mailbox)
    finally:
        client.on_lost.remove(mailbox.gap)
        client.forget(sid)


async def subscribed(client: Client, subject: str) -> None:
    """Return when the server has seen the subscription to this. Raises NotPermitted."""
    refused: list[NotPermitted] = []
    with client.refusals.of(refused.append, subject):
        await client.flush(SUBSCRIBE_SECONDS)
    if refused:
        raise refused[0]


@asynccontextmanager
async def asking(
    client: Client, subject: str, body: bytes, timeout: float
) -> AsyncIterator[AsyncIterator[Reply]]:
    """Every answer, with its headers, until the time is over."""
    mailbox: Mailbox[Reply | NotPermitted] = Mailbox(subject)
    inbox = client.new_inbox()
    message = unstored(client.info, subject, body, inbox)
    deadline = asyncio.get_running_loop().time() + timeout

    def arrived(subject: bytes, reply: bytes, headers: bytes | None, payload: bytes) -> None:
        if not is_refusal(headers, payload):
            mailbox.put((headers, payload))

    async def answers() -> AsyncIterator[Reply]:
        while True:
            try:
                answer = await mailbox.get(deadline)
            except TimeoutError:
                return
            if isinstance(answer, NotPermitted):
                raise answer
            headers, payload = answer
            if headers is not None and headers.startswith(NO_RESPONDERS):
                raise NobodyListening(subject)
            yield headers, payload

    try:
        async with asyncio.timeout_at(deadline):
            wire = await client.ready()
    except TimeoutError as error:
        raise QueueUnavailable(f"the queue at {client.address.shown} cannot be reached") from error
    with client.refusals.of(mailbox.put, subject, inbox.decode()):
        sid = client.subscribe(inbox, arrived)
        try:
            wire.write(message)
            yield answers()
        finally:
            client.forget(sid)


async def serving(
    client: Client, subject: str, group: str | None, answer: Answerer, source: str
) -> Callable[[], Awaitable[None]]:
    """As Transport.serve; `source` is that of the answers."""
    tasks: set[asyncio.Task[None]] = set()
    places = asyncio.Semaphore(ANSWERS_AT_ONCE)

    async def respond(reply: bytes, payload: bytes) -> None:
        async with places:
            body = await answer(payload)
        if len(body) > (limit := client.info.max_payload):
            body = failure_answer(
                subject, MessageTooLarge(len(body), limit, setting=SIZE_SETTING), source
            )
        client.write(b"PUB %s %d\r\n%s\r\n" % (reply, len(body), body))

    def arrived(subject: bytes, reply: bytes, headers: bytes | None, payload: bytes) -> None:
        if reply:
            task = asyncio.get_running_loop().create_task(respond(reply, payload))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    sid = client.subscribe(subject.encode(), arrived, (group or "").encode())
    try:
        await subscribed(client, subject)
    except BaseException:
        client.forget(sid)
        raise

    async def stop() -> None:
        await client.unsubscribe(sid)
        await asyncio.gather(*tasks)

    return stop
