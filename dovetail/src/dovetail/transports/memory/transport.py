"""The memory queue as a transport."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import islice

from dovetail.answering import failure_answer
from dovetail.delivery import Claim, Outgoing
from dovetail.envelope import Received, received
from dovetail.errors import DeadLetterNotFound, MessageTooLarge, NobodyListening, QueueUnavailable
from dovetail.letters import DeadLetter, LetterFilter
from dovetail.mailbox import Mailbox
from dovetail.members import Members
from dovetail.named import renamed
from dovetail.options import QueueOptions
from dovetail.status import GroupStatus, QueueStatus
from dovetail.subjects import matches
from dovetail.transport import Answerer, Done, Mend, Subscription
from dovetail.transports.memory.store import Backlog, Store
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
    async def listen(
        self, pattern: str, missed: Callable[[], None] | None = None
    ) -> AsyncIterator[AsyncIterator[Received]]:
        """As Transport.listen."""
        mailbox: Mailbox[Received] = Mailbox(pattern, missed)
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
        return [*self._store.letterbox.newest_first(wanted)]

    async def count_letters(self, wanted: LetterFilter) -> Mapping[str, int]:
        """As Transport.count_letters."""
        return self._store.letterbox.count(wanted)

    async def replay(self, letter: DeadLetter, body: bytes) -> None:
        """As Transport.replay."""
        await self.drop(letter)
        self._store.replay(letter, body)

    async def drop(self, letter: DeadLetter) -> None:
        """As Transport.drop."""
        if not self._store.letterbox.remove(letter):
            raise DeadLetterNotFound(letter.id)

    async def replay_letters(self, wanted: LetterFilter, mend: Mend, done: Done) -> None:
        """As Transport.replay_letters."""
        for letter in self._store.letterbox.oldest_first(wanted):
            body = mend(letter)
            if self._store.letterbox.remove(letter):
                self._store.replay(letter, body)
                done([letter])
                await asyncio.sleep(0)

    async def drop_letters(self, wanted: LetterFilter, done: Done) -> None:
        """As Transport.drop_letters."""
        for letter in self._store.letterbox.oldest_first(wanted):
            if self._store.letterbox.remove(letter):
                done([letter])
                await asyncio.sleep(0)

    async def waiting(self, subject: str, group: str, most: int) -> Sequence[Received]:
        """As Transport.waiting."""
        backlog = self._store.backlogs.get((group, subject))
        if backlog is None:
            from_history = self._store.history.values()
            messages = iter([one for one in from_history if matches(subject, one.subject)])
        else:
            messages = iter(backlog.unhandled())
        return [received(one.subject, one.body, one.headers) for one in islice(messages, most)]

    async def status(self) -> QueueStatus:
        """As Transport.status."""
        store, dead = self._store, self._store.letterbox.by_claim()
        return QueueStatus(
            transport="memory",
            address=f"memory://{self._name}",
            server="this process",
            messages=len(store.history),
            bytes=store.bytes,
            limit_bytes=self._options.limit_bytes,
            dead_letters=len(store.letterbox),
            groups=[_row(backlog, dead[name]) for name, backlog in store.backlogs.items()],
        )

    async def members(self) -> Sequence[Members]:
        """As Transport.members."""
        now = datetime.now(UTC)
        return [
            Members(
                group=group,
                subject=subject,
                kind=backlog.claim.kind,
                running=backlog.members,
                seen=now if backlog.members else backlog.left,
            )
            for (group, subject), backlog in self._store.backlogs.items()
        ]

    async def group_names(self) -> Mapping[str, str]:
        """As Transport.group_names."""
        return self._store.names

    async def rename_group(self, old: str, new: str) -> None:
        """As Transport.rename_group."""
        self._store.names |= renamed(self._store.names, old, new)

    async def remove_group(self, group: str, subjects: Sequence[str]) -> None:
        """As Transport.remove_group."""
        for subject in subjects:
            self._store.remove(group, subject)

    async def ping(self, timeout: float) -> None:
        """As Transport.ping."""
        self._store.room.check(self._store.bytes, self._options.limit_bytes)

    async def settled(self) -> None:
        """Return when every group has handled all that it has; what it fails on comes again, or is dead."""
        while self.unsettled():
            self._store.settled.clear()
            await self._store.settled.wait()

    def unsettled(self) -> list[str]:
        """What groups have yet to handle, in words."""
        return [
            f"{group} has {backlog.waiting} waiting and {backlog.in_hand} in hand or to be tried again "
            f"of {subject}"
            for (group, subject), backlog in self._store.backlogs.items()
            if backlog.waiting or backlog.in_hand
        ]

    async def _trim(self, store: Store) -> None:
        while True:
            await asyncio.sleep(TRIM_SECONDS)
            if self._options.keep is not None:
                store.trim(datetime.now(UTC) - self._options.keep)


def _row(backlog: Backlog, dead: int) -> GroupStatus:
    return GroupStatus(
        group=backlog.claim.group,
        subject=backlog.claim.subject,
        kind=backlog.claim.kind,
        waiting=backlog.waiting,
        in_hand=backlog.in_hand,
        dead=dead,
        oldest=backlog.oldest,
    )
