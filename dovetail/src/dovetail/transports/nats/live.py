"""What NATS does without a store: listening, and requests with their answers."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from dovetail.envelope import Received, received
from dovetail.errors import NobodyListening, QueueUnavailable
from dovetail.transport import Answerer
from dovetail.transports.nats.client import NO_RESPONDERS, Client, Reply
from dovetail.transports.nats.headers import parse_headers

log = logging.getLogger("dovetail.nats")

#: Messages that a listener may be behind before it loses the oldest.
LISTENER_BACKLOG = 10_000
#: Requests that one handler answers at once; more wait their turn.
ANSWERS_AT_ONCE = 256

_Raw = tuple[bytes, bytes | None, bytes]


class _Mailbox:
    """Messages between the connection's callback and one reader."""

    def __init__(self, most: int) -> None:
        self._messages: deque[_Raw] = deque(maxlen=most)
        self._there = asyncio.Event()
        self._missed = 0

    def put(self, subject: bytes, reply: bytes, headers: bytes | None, payload: bytes) -> None:
        """Add one; the oldest goes where there is no room."""
        if len(self._messages) == self._messages.maxlen:
            self._missed += 1
            if self._missed == 1 or self._missed % LISTENER_BACKLOG == 0:
                log.warning(
                    "a listener on %s is too slow: %d messages missed",
                    subject.decode(),
                    self._missed,
                )
        self._messages.append((subject, headers, payload))
        self._there.set()

    async def get(self) -> _Raw:
        """The oldest."""
        while not self._messages:
            self._there.clear()
            await self._there.wait()
        return self._messages.popleft()


@asynccontextmanager
async def listening(
    client: Client, pattern: str, timeout: float
) -> AsyncIterator[AsyncIterator[Received]]:
    """As Transport.listen."""
    mailbox = _Mailbox(LISTENER_BACKLOG)
    sid = client.subscribe(pattern.encode(), mailbox.put)
    # Only when the server has seen the subscription is it true that nothing is missed from now on.
    await client.flush(timeout)

    async def events() -> AsyncIterator[Received]:
        while True:
            subject, headers, payload = await mailbox.get()
            yield received(subject.decode(), payload, parse_headers(headers) if headers else None)

    try:
        yield events()
    finally:
        await client.unsubscribe(sid)


@asynccontextmanager
async def asking(
    client: Client, subject: str, body: bytes, timeout: float
) -> AsyncIterator[AsyncIterator[Reply]]:
    """Every answer, with its headers, until the time is over."""
    mailbox = _Mailbox(LISTENER_BACKLOG)
    inbox = client.new_inbox()
    deadline = asyncio.get_running_loop().time() + timeout

    async def answers() -> AsyncIterator[Reply]:
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    _, headers, payload = await mailbox.get()
            except TimeoutError:
                return
            if headers is not None and headers.startswith(NO_RESPONDERS):
                raise NobodyListening(subject)
            yield headers, payload

    try:
        async with asyncio.timeout_at(deadline):
            wire = await client.ready()
    except TimeoutError as error:
        raise QueueUnavailable(f"the queue at {client.address.shown} cannot be reached") from error
    sid = client.subscribe(inbox, mailbox.put)
    try:
        wire.write(b"PUB %s %s %d\r\n%s\r\n" % (subject.encode(), inbox, len(body), body))
        yield answers()
    finally:
        await client.unsubscribe(sid)


def serving(
    client: Client, subject: str, group: str | None, answer: Answerer
) -> Callable[[], Awaitable[None]]:
    """As Transport.serve."""
    tasks: set[asyncio.Task[None]] = set()
    places = asyncio.Semaphore(ANSWERS_AT_ONCE)

    async def respond(reply: bytes, payload: bytes) -> None:
        async with places:
            body = await answer(payload)
        client.write(b"PUB %s %d\r\n%s\r\n" % (reply, len(body), body))

    def arrived(subject: bytes, reply: bytes, headers: bytes | None, payload: bytes) -> None:
        if reply:
            task = asyncio.get_running_loop().create_task(respond(reply, payload))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    sid = client.subscribe(subject.encode(), arrived, (group or "").encode())

    async def stop() -> None:
        await client.unsubscribe(sid)
        await asyncio.gather(*tasks)

    return stop
