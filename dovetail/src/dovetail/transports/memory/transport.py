"""The memory queue as a transport."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import islice

import msgspec

from dovetail.answering import failure_answer
from dovetail.delivery import Claim, Outgoing
from dovetail.envelope import Received, received
from dovetail.errors import DeadLetterNotFound, MessageTooLarge, NobodyListening, QueueUnavailable
from dovetail.letters import DeadLetter, LetterFilter
from dovetail.mailbox import Mailbox
from dovetail.options import QueueOptions
from dovetail.status import GroupStatus, QueueStatus
from dovetail.subjects import matches
from dovetail.transport import Answerer, Subscription
from dovetail.transports.memory.store import Store
from dovetail.transports.memory.subscription import MemorySubscription

#: As large as the embedded server takes them, so that tests find out.
MOST_BYTES = 8 * 1024 * 1024
TRIM_SECONDS = 60


class MemoryTransport:
    """As dovetail.transport.Transport says, except that the store ends with its last user."""

    def __init__(
        self, stores: MutableMapping[str, Store], name: str, options: QueueOptions
    ) -> None:
        self._stores = stores
        self._name = name
        self._options = options
        self._store_or_none: Store | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._trimmer: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """As Transport.connected."""
        return self._store_or_none is not None

    async def open(self) -> None:
        """As Transport.open."""
        store = self._stores.setdefault(self._name, Store()) if self._name else Store()
        store.users += 1
        self._store_or_none = store
        self._trimmer = asyncio.create_task(self._trim(store))

    async def close(self) -> None:
        """As Transport.close."""
        store, self._store_or_none = self._store_or_none, None
        if store is None or self._trimmer is None:
            return
        self._trimmer.cancel()
        await asyncio.gather(self._trimmer, *self._tasks, return_exceptions=True)
        store.users -= 1
        if not store.users:
            self._stores.pop(self._name, None)

    @property
    def _store(self) -> Store:
        if self._store_or_none is None:
            raise QueueUnavailable("the queue is closed")
        return self._store_or_none

    async def publish(self, messages: Sequence[Outgoing], timeout: float) -> None:
        """As Transport.publish."""
        for message in messages:
            if len(message.body) > MOST_BYTES:
                raise MessageTooLarge(len(message.body), MOST_BYTES, id=message.id)
        for message in messages:
            self._store.add(message, self._options.limit_bytes)

    async def broadcast(self, subject: str, body: bytes) -> None:
        """As Transport.broadcast."""
        if len(body) > MOST_BYTES:
            raise MessageTooLarge(len(body), MOST_BYTES)
        self._store.broadcast(subject, body)

    @asynccontextmanager
    async def listen(self, pattern: str) -> AsyncIterator[AsyncIterator[Received]]:
        """As Transport.listen."""
        mailbox: Mailbox[Received] = Mailbox(pattern)
        key, store = object(), self._store
        store.listeners[key] = (
            pattern,
            lambda subject, body, headers: mailbox.put(received(subject, body, headers)),
        )
        try:
            yield aiter(mailbox)
        finally:
            del store.listeners[key]

    async def claim(self, claim: Claim) -> Subscription:
        """As Transport.claim."""
        return MemorySubscription(self._store, self._store.claim(claim), claim.prefetch)

    async def serve(
        self, subject: str, group: str | None, answer: Answerer
    ) -> Callable[[], Awaitable[None]]:
        """As Transport.serve."""
        key, store = object(), self._store
        tasks = self._tasks

        async def respond(body: bytes, reply: Callable[[bytes], None]) -> None:
            answered = await answer(body)
            if len(answered) > MOST_BYTES:
                error = MessageTooLarge(len(answered), MOST_BYTES)
                answered = failure_answer(subject, error, self._options.source)
            reply(answered)

        def asked(body: bytes, reply: Callable[[bytes], None]) -> None:
            task = asyncio.get_running_loop().create_task(respond(body, reply))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        store.servers[key] = (subject, group, asked)

        async def stop() -> None:
            store.servers.pop(key, None)

        return stop

    @asynccontextmanager
    async def request(
        self, subject: str, body: bytes, timeout: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """As Transport.request."""
        if len(body) > MOST_BYTES:
            raise MessageTooLarge(len(body), MOST_BYTES)
        deadline = asyncio.get_running_loop().time() + timeout
        mailbox: Mailbox[bytes] = Mailbox(subject)
        chosen: dict[object, Callable[[bytes, Callable[[bytes], None]], None]] = {}
        for key, (served, group, asked) in self._store.servers.items():
            if served == subject:
                chosen[group or key] = asked

        async def answers() -> AsyncIterator[bytes]:
            if not chosen:
                raise NobodyListening(subject)
            while True:
                try:
                    answer = await mailbox.get(deadline)
                except TimeoutError:
                    return
                yield answer

        for asked in chosen.values():
            asked(body, mailbox.put)
        yield answers()

    async def dead_letters(self, wanted: LetterFilter) -> Sequence[DeadLetter]:
        """As Transport.dead_letters."""
        newest_first = reversed(self._store.letters.items())
        letters = (
            msgspec.structs.replace(letter, id=str(number)) for number, letter in newest_first
        )
        return list(islice(filter(wanted.takes, letters), wanted.most))

    async def replay(self, letter: DeadLetter, body: bytes) -> None:
        """As Transport.replay."""
        await self.drop(letter)
        self._store.replay(letter, body)

    async def drop(self, letter: DeadLetter) -> None:
        """As Transport.drop."""
        if self._store.letters.pop(int(letter.id), None) is None:
            raise DeadLetterNotFound(letter.id)

    async def waiting(self, subject: str, group: str, most: int) -> Sequence[Received]:
        """As Transport.waiting."""
        backlog = self._store.backlogs.get((group, subject))
        if backlog is None:
            from_history = self._store.history.values()
            messages = iter([one for one in from_history if matches(subject, one.subject)])
        else:
            messages = backlog.unhandled()
        return [received(one.subject, one.body, one.headers) for one in islice(messages, most)]

    async def status(self) -> QueueStatus:
        """As Transport.status."""
        store = self._store
        return QueueStatus(
            transport="memory",
            address=f"memory://{self._name}",
            server="this process",
            messages=len(store.history),
            bytes=store.bytes,
            limit_bytes=self._options.limit_bytes,
            dead_letters=len(store.letters),
            groups=[_group_status(store, group, subject) for group, subject in store.backlogs],
        )

    async def ping(self, timeout: float) -> None:
        """As Transport.ping."""
        self._store.room.check(self._store.bytes, self._options.limit_bytes)

    async def _trim(self, store: Store) -> None:
        while True:
            await asyncio.sleep(TRIM_SECONDS)
            store.trim(datetime.now(UTC) - self._options.keep)


def _group_status(store: Store, group: str, subject: str) -> GroupStatus:
    backlog = store.backlogs[group, subject]
    oldest = next(backlog.unhandled(), None)
    return GroupStatus(
        group=group,
        subject=subject,
        kind=backlog.claim.kind,
        waiting=backlog.waiting,
        in_hand=backlog.in_hand,
        dead=sum(
            1 for one in store.letters.values() if (one.group, one.claimed) == (group, subject)
        ),
        oldest=oldest.at if oldest else None,
    )
