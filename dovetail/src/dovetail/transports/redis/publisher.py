"""Publishing: what many tasks publish in one turn of the event loop goes to the server together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dovetail.delivery import Outgoing
from dovetail.errors import (
    ConfigurationError,
    NoGroup,
    QueueError,
    QueueFull,
    QueueUnavailable,
)
from dovetail.transports.common.store_room import Room
from dovetail.transports.redis.client import Client
from dovetail.transports.redis.limits import (
    PUBLISHED_AT_ONCE,
    PUBLISHED_BYTES_AT_ONCE,
    check_size,
)
from dovetail.transports.redis.protocol import Argument
from dovetail.transports.redis.topology import channel_prefix_of


class _Batch(NamedTuple):
    """What one caller wants stored in one step."""

    messages: Sequence[Outgoing]
    #: The same as the script takes it.
    words: list[Argument]
    stored: asyncio.Future[None]
    #: By the clock of the event loop.
    deadline: float


class Publisher:
    """Publishes and waits for the server's word that each message is on its store."""

    def __init__(self, client: Client, room: Room, limit_bytes: int | None) -> None:
        self._client = client
        self._room = room
        self._limit = limit_bytes or 0
        self._channels = channel_prefix_of(client.address.database)
        self._batches: list[_Batch] = []
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
        for part in _parts(messages):
            # The next only when this one is stored: that keeps the order whatever goes wrong.
            await self._put(part, deadline)

    def _put(self, messages: Sequence[Outgoing], deadline: float) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        words = _words(messages)
        if not self._batches:
            loop.call_soon(self._flush)
        stored: asyncio.Future[None] = loop.create_future()
        self._batches.append(_Batch(messages, words, stored, deadline))
        self._bytes += sum(len(one.body) for one in messages)
        if len(self._batches) >= PUBLISHED_AT_ONCE or self._bytes >= PUBLISHED_BYTES_AT_ONCE:
            self._flush()
        return stored

    def _flush(self) -> None:
        if self._batches:
            task = asyncio.get_running_loop().create_task(self._send(self._batches))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            self._batches, self._bytes = [], 0

    async def _send(self, batches: list[_Batch]) -> None:
        arguments: list[Argument] = [self._limit, self._channels]
        for batch in batches:
            arguments += batch.words
        deadline = min(batch.deadline for batch in batches)
        try:
            results = iter(await self._client.script("publish", *arguments, deadline=deadline))
        except Exception as error:  # noqa: BLE001 - or they would wait for ever
            for batch in batches:
                _settle(batch.stored, _for(batch.messages[0], error))
            return
        for batch in batches:
            refused = [self._refusal(one, next(results)) for one in batch.messages]
            _settle(batch.stored, next(filter(None, refused), None))

    def _refusal(self, message: Outgoing, result: bytes) -> Exception | None:
        if result == b"ok":
            return None
        if result == b"no group":
            return NoGroup(message.subject)
        self._room.refused(len(message.body))
        return QueueFull(
            f"the queue's store is full ({self._limit} bytes); nothing was accepted", id=message.id
        )


def _parts(messages: Sequence[Outgoing]) -> Iterator[list[Outgoing]]:
    part: list[Outgoing] = []
    size = 0
    for one in messages:
        if part and (
            len(part) >= PUBLISHED_AT_ONCE or size + len(one.body) > PUBLISHED_BYTES_AT_ONCE
        ):
            yield part
            part, size = [], 0
        part.append(one)
        size += len(one.body)
    if part:
        yield part


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


def _settle(stored: asyncio.Future[None], error: Exception | None) -> None:
    if stored.done():  # whoever wanted it has given up
        return
    if error is None:
        stored.set_result(None)
    else:
        stored.set_exception(error)


def _for(message: Outgoing, error: Exception) -> Exception:
    """The error as the one who published this message is to see it."""
    if isinstance(error, QueueUnavailable):
        text = f"{error}; publishing again under the same id is harmless"
        return QueueUnavailable(text, id=message.id)
    return type(error)(str(error), id=message.id) if isinstance(error, QueueError) else error
