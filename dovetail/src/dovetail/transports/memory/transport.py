"""The memory queue as a transport."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping, Sequence
from contextlib import asynccontextmanager

from dovetail import clock
from dovetail.codec.envelope import Received, received
from dovetail.dead_letter import DeadLetter, LetterFilter
from dovetail.delivery import Claim, Outgoing
from dovetail.errors import MessageTooLarge, NobodyListening, QueueUnavailable
from dovetail.options import QueueOptions
from dovetail.status import Members, QueueStatus
from dovetail.transport import Answerer, Done, Mend, Subscription
from dovetail.transports.common.group_names import renamed
from dovetail.transports.common.mailbox import Mailbox
from dovetail.transports.common.requests import AnswerTasks, answers_until, fitting_answer
from dovetail.transports.common.trimming import Trimmer
from dovetail.transports.memory.inspection import members_of, status_of, unsettled_in
from dovetail.transports.memory.store import Store
from dovetail.transports.memory.subscription import MemorySubscription

log = logging.getLogger("dovetail.memory")

#: As large as the embedded server takes them, so that tests find out.
MOST_BYTES = 8 * 1024 * 1024


class MemoryTransport:
    """As dovetail.transport.Transport says, except that the store ends with its last user."""

    def __init__(
        self, stores: MutableMapping[str, Store], name: str, options: QueueOptions
    ) -> None:
        self._stores = stores
        self._name = name
        self._options = options
        self._store_or_none: Store | None = None
        self._trimmer = Trimmer(self._trim, log)

    @property
    def connected(self) -> bool:
        return self._store_or_none is not None

    async def open(self) -> None:
        store = self._stores.setdefault(self._name, Store()) if self._name else Store()
        store.users += 1
        self._store_or_none = store
        self._trimmer.start()

    async def close(self) -> None:
        store, self._store_or_none = self._store_or_none, None
        if store is None:
            return
        await self._trimmer.close()
        store.users -= 1
        if not store.users:
            self._stores.pop(self._name, None)

    @property
    def _store(self) -> Store:
        if self._store_or_none is None:
            raise QueueUnavailable("the queue is closed")
        return self._store_or_none

    async def publish(self, messages: Sequence[Outgoing], timeout: float) -> None:
        for message in messages:
            _check_size(len(message.body), message.id)
        for message in messages:
            self._store.add(message, self._options.limit_bytes)

    async def broadcast(self, subject: str, body: bytes) -> None:
        _check_size(len(body))
        self._store.live.broadcast(subject, body)

    @asynccontextmanager
    async def listen(
        self, pattern: str, missed: Callable[[], None] | None = None
    ) -> AsyncIterator[AsyncIterator[Received]]:
        mailbox: Mailbox[Received] = Mailbox(pattern, missed)
        live = self._store.live
        number = live.listen(pattern, mailbox.put)
        try:
            yield aiter(mailbox)
        finally:
            del live.listeners[number]

    async def claim(self, claim: Claim) -> Subscription:
        return MemorySubscription(self._store, self._store.claim(claim), claim.prefetch)

    async def serve(
        self, subject: str, group: str | None, answer: Answerer
    ) -> Callable[[], Awaitable[None]]:
        async def respond(asked: tuple[bytes, Callable[[bytes], None]]) -> None:
            body, reply = asked
            source = self._options.source
            reply(await fitting_answer(answer, body, _check_size, subject, source))

        live, tasks = self._store.live, AnswerTasks(respond)
        number = live.serve(subject, group, tasks.start)

        async def stop() -> None:
            live.servers.pop(number, None)
            await tasks.finish()

        return stop

    @asynccontextmanager
    async def request(
        self, subject: str, body: bytes, timeout: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        _check_size(len(body))
        deadline = asyncio.get_running_loop().time() + timeout
        mailbox: Mailbox[bytes | Exception] = Mailbox(subject)
        chosen = self._store.live.asked(subject)
        if not chosen:
            mailbox.put(NobodyListening(subject))
        for asked in chosen:
            asked((body, mailbox.put))
        yield answers_until(deadline, mailbox)

    async def dead_letters(self, wanted: LetterFilter) -> Sequence[DeadLetter]:
        return self._store.dead_letters.newest_first(wanted)

    async def count_letters(self, wanted: LetterFilter) -> Mapping[str, int]:
        return self._store.dead_letters.count(wanted)

    async def replay(self, wanted: LetterFilter, mend: Mend, done: Done) -> None:
        store = self._store
        await store.dead_letters.remove(wanted, done, lambda one: store.replay(one, mend(one)))

    async def drop(self, wanted: LetterFilter, done: Done) -> None:
        await self._store.dead_letters.remove(wanted, done)

    async def waiting(self, subject: str, group: str, most: int) -> Sequence[Received]:
        backlog = self._store.backlogs.get((group, subject))
        messages = backlog.unhandled() if backlog else self._store.of_history(subject)
        return [received(one.subject, one.body, one.headers) for one in messages[:most]]

    async def status(self) -> QueueStatus:
        return status_of(self._store, self._name, self._options.limit_bytes)

    async def members(self) -> Sequence[Members]:
        return members_of(self._store)

    async def group_names(self) -> Mapping[str, str]:
        return self._store.names

    async def rename_group(self, old: str, new: str) -> None:
        self._store.names |= renamed(self._store.names, old, new)

    async def remove_group(self, group: str, subjects: Sequence[str]) -> None:
        for subject in subjects:
            self._store.remove(group, subject)

    async def ping(self, timeout: float) -> None:
        self._store.room.check(self._store.bytes, self._options.limit_bytes)

    async def settled(self) -> None:
        """Return when every group has handled all that it has; what it fails on comes again, or is dead."""
        while self.unsettled():
            self._store.settled.clear()
            await self._store.settled.wait()

    def unsettled(self) -> list[str]:
        """What groups have yet to handle, in words."""
        return unsettled_in(self._store)

    async def _trim(self, full: bool) -> None:
        if self._options.keep is not None:
            self._store.trim(clock.now() - self._options.keep)


def _check_size(size: int, message_id: str | None = None) -> None:
    if size > MOST_BYTES:
        raise MessageTooLarge(size, MOST_BYTES, id=message_id)
