"""The interface to one queue technology, and the obligations of whoever implements it.

One transport object serves one event loop; every method may be called from many tasks at once.
Reconnecting is its own: a method called while the connection is down waits for it within its time
limit and then raises QueueUnavailable. Driver errors never pass: they become `dovetail.errors`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from dovetail.codec.envelope import Received
from dovetail.dead_letter import DeadLetter, LetterFilter
from dovetail.delivery import Claim, Delivery, Outgoing
from dovetail.status import Members, QueueStatus

#: Answers one request: takes the body, gives the body of the answer. It does not raise.
Answerer = Callable[[bytes], Awaitable[bytes]]
#: Gives the body that a dead letter is replayed with.
Mend = Callable[[DeadLetter], bytes]
#: Told which dead letters are done with.
Done = Callable[[Sequence[DeadLetter]], object]


class Subscription(Protocol):
    """One member's share in a group's messages of one subject. Closed by the worker that claimed it.

    Where a method that settles raises, the message is let go: it comes again when its lease ends, or after a
    pause that grows.
    """

    async def fetch(self, most: int) -> Sequence[Delivery]:
        """Wait for messages and hand over 1 to `most` of them, oldest first.

        The lease of what was fetched, or waits here, is renewed until it is settled by one of the
        methods below. When the connection is lost it goes on waiting until it is back. Gives nothing
        after `stop`.
        """

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Handled. Sent soon, without waiting; a second ack of the same delivery does nothing."""

    async def retry(self, delivery: Delivery, pause: float) -> None:
        """Failed: deliver again, to any member, after `pause` seconds, with `attempt` one higher.

        The queue holds the delay and the count. Other messages are not held up.
        """

    async def release(self, deliveries: Sequence[Delivery]) -> None:
        """Not handled: deliver again at once, to any member, with the same `attempt`.

        Those that are settled already are left alone.
        """

    async def bury(self, delivery: Delivery, letter: DeadLetter) -> None:
        """Given up: put the letter with the dead letters, and only then remove the message."""

    async def stop(self) -> None:
        """Take no more, and release what was not fetched yet."""

    async def close(self) -> None:
        """Let go of what is still held: its leases end. Returns when earlier acks have arrived."""


class Transport(Protocol):
    """One queue. Opened once, closed once by whoever opened it; close is idempotent."""

    async def open(self) -> None:
        """Connect, and provision what every message needs. Raises QueueUnavailable or ConfigurationError."""

    async def close(self) -> None:
        """Flush what was acked, then disconnect."""

    @property
    def connected(self) -> bool:
        """Whether the connection stands at this moment."""

    async def publish(self, messages: Sequence[Outgoing], timeout: float) -> None:
        """Return when the queue has all of them on its store, in this order for one subject.

        A message whose id the queue has seen lately is accepted without a second copy. It is kept for
        groups that do not exist yet. Raises NoGroup for a command that was never claimed, QueueFull,
        MessageTooLarge, or QueueUnavailable.
        """

    async def broadcast(self, subject: str, body: bytes) -> None:
        """Live: to whoever listens now, at most once, by the technology's own Pub/Sub, as it is."""

    def listen(
        self, pattern: str, missed: Callable[[], None] | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Received]]:
        """Everything on these subjects from when the context is entered, durable and live, at most once.

        `missed` is called each time that something may not have come: the connection that it comes by was
        lost, however soon it is back, or the listener is too slow.
        """

    async def claim(self, claim: Claim) -> Subscription:
        """Join a group for one subject; the first member, ever, creates it.

        Raises CommandClaimed where another group has the command.
        """

    async def serve(
        self, subject: str, group: str | None, answer: Answerer
    ) -> Callable[[], Awaitable[None]]:
        """Answer requests: one member of the group does, or every member where group is None.

        Returns what stops it. Survives reconnection.
        """

    def request(
        self, subject: str, body: bytes, timeout: float
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The answers as they come, ending after `timeout` seconds; NobodyListening where that is known."""

    async def dead_letters(self, wanted: LetterFilter) -> Sequence[DeadLetter]:
        """Those that match, newest first, at most `wanted.most`. No more are in memory than are wanted."""

    async def count_letters(self, wanted: LetterFilter) -> Mapping[str, int]:
        """How many match, by group, whatever `wanted.most` says."""

    async def replay(self, wanted: LetterFilter, mend: Mend, done: Done) -> None:
        """Hand those that match, and are there now, back to their groups only, each as a first attempt.

        In steps: what `mend` gives is published, and only then the letters are removed.

        `done` is called with the letters of each step once they are gone by this call. A step is finished
        also when this is cancelled. One that a lost connection has cut short is taken up again, here or by
        the next call: no letter is lost, and none is replayed twice, whoever else replays at the same time.
        Memory is bounded, however many there are.
        """

    async def drop(self, wanted: LetterFilter, done: Done) -> None:
        """Remove those that match for good, in the same way."""

    async def waiting(self, subject: str, group: str, most: int) -> Sequence[Received]:
        """Up to `most` of the oldest messages that the group has yet to handle; it need not exist."""

    async def status(self) -> QueueStatus:
        """What is stored, and how far each group has come."""

    async def members(self) -> Sequence[Members]:
        """Who runs, for each group and subject; at most a second is waited for answers."""

    async def group_names(self) -> Mapping[str, str]:
        """The places of renamed groups, by what these are called now; others are called as their places.

        All methods of this interface take and give places; MessageQueue translates.
        """

    async def rename_group(self, old: str, new: str) -> None:
        """Remember what `dovetail.operating.renamed_groups.renamed` gives, in one step; it moves nothing."""

    async def remove_group(self, group: str, subjects: Sequence[str]) -> None:
        """Forget how far the group has come with these subjects, its dead letters, what only it would get.

        History is trimmed then as if it had never been, and events on a subject that no other group has
        claimed are kept no longer than `keep` says. A command has no owner then: what waits for it, and what
        is sent, is kept for the group that claims it next. Doing it again is harmless.
        """

    async def ping(self, timeout: float) -> None:
        """Return when the queue answers and would take a message; leaves nothing behind.

        Its cost does not depend on what is stored: it is asked every few seconds. Raises QueueFull where a
        publisher would be refused for want of room, and QueueUnavailable after `timeout` seconds.
        """
