"""Publishing: what many tasks publish in one turn of the event loop goes to the server together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from dovetail.delivery import Outgoing
from dovetail.errors import (
    ConfigurationError,
    MessageTooLarge,
    NoGroup,
    QueueError,
    QueueFull,
    QueueUnavailable,
)
from dovetail.room import Room
from dovetail.transports.redis.client import Client
from dovetail.transports.redis.wire import Argument

#: Redis would take 512 MB, but ends the connection of a listener for whom more than 8 MB wait for a minute
#: (client-output-buffer-limit pubsub).
MOST_BYTES = 8 * 1024 * 1024
#: What goes into one script call, so that the server is not held up for long.
MOST_AT_ONCE = 256
MOST_BYTES_AT_ONCE = 1024 * 1024

#: What one caller wants stored in one step, the same as the script takes it, who is told, and until when.
_Wanted = tuple[Sequence[Outgoing], list[Argument], asyncio.Future[None], float]


def check_size(size: int, id: str | None = None) -> None:
    """Raise MessageTooLarge for a body of so many bytes."""
    if size > MOST_BYTES:
        raise MessageTooLarge(size, MOST_BYTES, id=id)


class Publisher:
    """Publishes and waits for the server's word that each message is on its store."""

    def __init__(self, client: Client, limit_bytes: int | None, channels: str = "") -> None:
        self._client = client
        self._channels = channels
        self._limit = limit_bytes or 0
        self._room = Room()
        self._wanted: list[_Wanted] = []
        self._bytes = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def publish(self, messages: Sequence[Outgoing], timeout: float) -> None:
        """Return when all are stored, in this order; as Transport.publish."""
        for one in messages:
            check_size(len(one.body), one.id)
        deadline = asyncio.get_running_loop().time() + timeout
        if len(messages) == 1:
            await self._put(messages, deadline)
            return
        for portion in _portions(messages):
            # The next only when this one is stored: that keeps the order whatever goes wrong.
            await self._put(portion, deadline)

    async def ping(self, timeout: float) -> None:
        """As Transport.ping: the server refuses this for the same reasons as a message."""
        deadline = asyncio.get_running_loop().time() + timeout
        stored = await self._client.script("ping", deadline=deadline)
        self._room.check(stored, self._limit or None)

    def _put(self, messages: Sequence[Outgoing], deadline: float) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        words = _words(messages)
        if not self._wanted:
            loop.call_soon(self._flush)
        future: asyncio.Future[None] = loop.create_future()
        self._wanted.append((messages, words, future, deadline))
        self._bytes += sum(len(one.body) for one in messages)
        if len(self._wanted) >= MOST_AT_ONCE or self._bytes >= MOST_BYTES_AT_ONCE:
            self._flush()
        return future

    def _flush(self) -> None:
        if self._wanted:
            task = asyncio.get_running_loop().create_task(self._send(self._wanted))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            self._wanted, self._bytes = [], 0

    async def _send(self, wanted: list[_Wanted]) -> None:
        arguments: list[Argument] = [self._limit, self._channels]
        for _, words, _, _ in wanted:
            arguments += words
        deadline = min(deadline for *_, deadline in wanted)
        try:
            results = iter(await self._client.script("publish", *arguments, deadline=deadline))
        except Exception as error:  # noqa: BLE001 - or they would wait for ever
            for messages, _, future, _ in wanted:
                _settle(future, _for(messages[0], error))
            return
        for messages, _, future, _ in wanted:
            refused = [self._refusal(one, next(results)) for one in messages]
            _settle(future, next(filter(None, refused), None))

    def _refusal(self, message: Outgoing, result: bytes) -> Exception | None:
        if result == b"ok":
            return None
        if result == b"no group":
            return NoGroup(message.subject)
        self._room.refused(len(message.body))
        return QueueFull(
            f"the queue's store is full ({self._limit} bytes); nothing was accepted", id=message.id
        )


def _portions(messages: Sequence[Outgoing]) -> Iterator[list[Outgoing]]:
    portion: list[Outgoing] = []
    size = 0
    for one in messages:
        if portion and (len(portion) >= MOST_AT_ONCE or size + len(one.body) > MOST_BYTES_AT_ONCE):
            yield portion
            portion, size = [], 0
        portion.append(one)
        size += len(one.body)
    if portion:
        yield portion


def _words(messages: Sequence[Outgoing]) -> list[Argument]:
    """Where it fails, it fails for one caller: those of the same turn have done nothing wrong."""
    words: list[Argument] = []
    try:
        for one in messages:
            words += (one.kind, one.subject.encode(), one.id.encode(), bytes(one.body))
    except (TypeError, UnicodeEncodeError) as error:
        raise ConfigurationError(
            f"a message has an id of valid characters and a body of bytes: {error}"
        ) from error
    return words


def _settle(future: asyncio.Future[None], error: Exception | None) -> None:
    if future.done():  # whoever wanted it has given up
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)


def _for(message: Outgoing, error: Exception) -> Exception:
    """The error as the one who published this message is to see it."""
    if isinstance(error, QueueUnavailable):
        text = f"{error}; publishing again under the same id is harmless"
        return QueueUnavailable(text, id=message.id)
    return type(error)(str(error), id=message.id) if isinstance(error, QueueError) else error
