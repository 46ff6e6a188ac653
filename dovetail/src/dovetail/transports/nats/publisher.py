"""Publishing to JetStream, each message confirmed, over losses of the connection."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence

from dovetail.delivery import Outgoing
from dovetail.errors import MessageTooLarge, QueueFull, QueueUnavailable
from dovetail.network.protocol import ConnectionLost
from dovetail.transports.nats.api_errors import NO_ROOM, NOT_READY, OTHER_STREAM, OVER_SIZE
from dovetail.transports.nats.client import Client
from dovetail.transports.nats.confirmations import confirmation
from dovetail.transports.nats.headers import NO_RESPONDERS
from dovetail.transports.nats.limits import PUBLISH_AGAIN_SECONDS, SILENCE_SECONDS, SIZE_SETTING
from dovetail.transports.nats.publish_subjects import PublishSubjects
from dovetail.transports.nats.replies import Reply
from dovetail.transports.nats.topology import command_stream

_EVENT_HEADERS = b"NATS/1.0\r\nNats-Msg-Id: %s\r\n\r\n"
#: Says in which stream a command is to lie: where another takes the subject now, nobody would handle it.
_COMMAND_HEADERS = b"NATS/1.0\r\nNats-Msg-Id: %s\r\nNats-Expected-Stream: %s\r\n\r\n"

#: A message with its header block.
_Addressed = tuple[Outgoing, bytes]


class Publisher:
    """Publishes and waits for JetStream's confirmation.

    `prepare` is that of PublishSubjects; it raises NoGroup for a command that nobody claimed.
    `on_full` is told when the store has no room for so many bytes.
    `largest` knows how large a message a stream takes.
    """

    def __init__(
        self,
        client: Client,
        timeout: float,
        prepare: Callable[[Outgoing], Awaitable[str | None]],
        on_full: Callable[[int], None],
        largest: Callable[[str], Awaitable[int]],
    ) -> None:
        self._client = client
        self._timeout = timeout
        self._on_full = on_full
        self._largest = largest
        self._subjects = PublishSubjects(prepare)
        #: Whether the server was there and did not confirm a message: it is silent where its disk is full.
        self.unconfirmed = False
        #: What we publish at most, in bytes, and for how many seconds nothing may be confirmed until we
        #: publish again: both depend on the server.
        self._largest_body = 0
        self._silence = math.inf
        self._server_changed()
        client.on_connected.append(self._server_changed)

    @property
    def most_bytes(self) -> int:
        """What the server takes at most, body and headers together."""
        return self._client.info.max_payload

    async def publish(
        self, subject: str, body: bytes, headers: bytes = b"", timeout: float | None = None
    ) -> None:
        """One message as it is, to one of the streams that always are there."""
        await self.publish_each([(Outgoing("event", subject, body, ""), headers)], timeout)

    async def publish_each(
        self, messages: Sequence[_Addressed], timeout: float | None = None
    ) -> None:
        """The same for some messages, each with its header block; also to streams of commands."""
        deadline = self._client.loop.time() + (self._timeout if timeout is None else timeout)
        for one, headers in messages:
            if (size := len(one.body) + len(headers)) > self.most_bytes:
                raise MessageTooLarge(size, self.most_bytes, setting=SIZE_SETTING)
            if one.kind == "command" and not self._subjects.knows(one):
                await self._prepare(one, deadline)
        await self._publish_all([*messages], deadline)

    async def publish_all(self, messages: Sequence[Outgoing], timeout: float) -> None:
        """Return when all are confirmed, as Transport.publish has it."""
        deadline = self._client.loop.time() + timeout
        addressed: list[_Addressed] = []
        for one in messages:
            if len(one.body) > self._largest_body:
                raise MessageTooLarge(
                    len(one.body), self._largest_body, id=one.id, setting=SIZE_SETTING
                )
            if not self._subjects.knows(one):
                await self._prepare(one, deadline)
            known_as = one.id.encode()
            if one.kind == "event":
                addressed.append((one, _EVENT_HEADERS % known_as))
            else:
                stream = command_stream(one.subject).encode()
                addressed.append((one, _COMMAND_HEADERS % (known_as, stream)))
        if len(addressed) != 1 or not await self._at_first_try(*addressed[0], deadline):
            await self._publish_all(addressed, deadline)

    async def _at_first_try(self, one: Outgoing, headers: bytes, deadline: float) -> bool:
        """Whether one message was confirmed without any trouble, as nearly all are."""
        wire = self._client.open_wire
        if wire is None:
            return False
        until = deadline
        if self._silence < math.inf:
            until = min(deadline, self._client.loop.time() + self._silence)
        subject = self._subjects.of(one)
        try:
            answer = await self._client.store(wire, subject, one.body, headers, until)
        except ConnectionLost:
            return False
        except TimeoutError as error:
            if until < deadline:
                return False
            self._subjects.forget(one)
            raise self._unconfirmed(one.id) from error
        return answer is None or await self._accepted((one, headers), answer, deadline)

    async def _publish_all(self, rest: list[_Addressed], deadline: float) -> None:
        first = rest[0][0].id if rest else None
        silence = self._silence
        try:
            while True:
                started = self._client.loop.time()
                rest = await self._publish_once(rest, deadline, silence)
                if not rest:
                    return
                if self._client.loop.time() - started >= silence:
                    silence *= 2  # a queue that is only slow must not be kept busy with repetitions
                async with asyncio.timeout_at(deadline):
                    await asyncio.sleep(PUBLISH_AGAIN_SECONDS)
        except TimeoutError as error:
            self._subjects.clear()
            raise self._unconfirmed(first) from error

    def _server_changed(self) -> None:
        info = self._client.info
        self._largest_body = info.largest_body
        self._silence = SILENCE_SECONDS if info.cluster else math.inf
        self._subjects.clear()

    async def _prepare(self, message: Outgoing, deadline: float) -> None:
        """Make sure that a stream takes the message."""
        try:
            await self._subjects.prepare(message, deadline)
        except TimeoutError as error:
            raise self._unconfirmed(message.id) from error
        except QueueUnavailable as error:
            error.id = message.id
            raise

    def _unconfirmed(self, id: str | None) -> QueueUnavailable:
        state = "cannot be reached"
        if self._client.connected:
            self.unconfirmed = True
            state = "did not confirm in time (is its disk full? its log says so)"
        return QueueUnavailable(
            f"the queue at {self._client.address.shown} {state}; "
            "publishing again under the same id is harmless",
            id=id,
        )

    async def _publish_once(
        self, messages: list[_Addressed], deadline: float, silence: float
    ) -> list[_Addressed]:
        """Publish them together; returns those to be published again, under the same ids."""
        wire = self._client.open_wire or await self._client.ready(deadline)
        store, subject_of = self._client.store, self._subjects.of
        asked = [
            store(wire, subject_of(one), one.body, headers, deadline) for one, headers in messages
        ]
        again: list[_Addressed] = []
        for position, (message, future) in enumerate(zip(messages, asked, strict=True)):
            if not future.done() and not await _comes(future, silence):
                return again + messages[position:]
            try:
                answer = await future
            except ConnectionLost:
                again.append(message)
                continue
            if answer is not None and not await self._accepted(message, answer, deadline):
                again.append(message)
        return again

    async def _accepted(self, addressed: _Addressed, answer: Reply, deadline: float) -> bool:
        """Whether it is on the store; False where it is to be tried again."""
        (message, block), (headers, body) = addressed, answer
        if headers is not None and headers.startswith(NO_RESPONDERS):
            # Its stream was deleted, is not ready after a restart, or has no leader.
            return await self._prepared_again(message, deadline)
        said = confirmation(body)
        if said is None or (error := said.error) is None:
            # A stream that is none of ours has it: that takes the subject now.
            return await self._prepared_again(message, deadline)
        if error.err_code == OTHER_STREAM and message.kind == "command":
            # Its own stream does not take this subject any more.
            return await self._prepared_again(message, deadline)
        if error.err_code in NO_ROOM:
            self._on_full(len(message.body))
            raise QueueFull(
                f"the queue's store is full: {error.description} ({NO_ROOM[error.err_code]}); "
                "nothing was accepted",
                id=message.id,
            )
        if error.err_code == OVER_SIZE:
            stream, size = said.stream, len(message.body) + len(block)
            setting = f"max_msg_size of the stream {stream!r}"
            raise MessageTooLarge(size, await self._largest(stream), id=message.id, setting=setting)
        if error.err_code in NOT_READY or error.code == 503:
            return False
        raise QueueUnavailable(f"the queue refused the message: {error.description}", id=message.id)

    async def _prepared_again(self, message: Outgoing, deadline: float) -> bool:
        """Not accepted, and to be tried again."""
        self._subjects.forget(message)
        await self._prepare(message, deadline)
        return False


async def _comes(answer: asyncio.Future[Reply | None], within: float) -> bool:
    """Whether it does, within so many seconds, or its own time is over."""
    if within < math.inf:
        done, _ = await asyncio.wait([answer], timeout=within)
        return bool(done)
    return True
