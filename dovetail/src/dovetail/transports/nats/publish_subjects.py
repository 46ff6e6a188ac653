"""On which subjects streams take what is published, as far as we know."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from dovetail.delivery import Outgoing
from dovetail.transports.nats.limits import REMEMBERED_SUBJECTS
from dovetail.transports.nats.placement import placed
from dovetail.transports.nats.topology import command_subject


class PublishSubjects:
    """`prepare` lets a stream take a message, and gives the subject for that where it is another one.

    The server tells of a subject that no stream takes only where nobody listens to it either: so `prepare` is
    called before the first message on each subject.
    """

    def __init__(self, prepare: Callable[[Outgoing], Awaitable[str | None]]) -> None:
        self._prepare = prepare
        self._preparing = asyncio.Lock()
        #: By kind and subject of the message.
        self._known: dict[str, dict[str, bytes]] = {"event": {}, "command": {}}

    def knows(self, message: Outgoing) -> bool:
        """Whether a stream takes it."""
        return message.subject in self._known[message.kind]

    def of(self, message: Outgoing) -> bytes:
        """What it is published on: the usual one, where we know of no other."""
        own = message.subject
        return (
            self._known[message.kind].get(own)
            or (own if message.kind == "event" else command_subject(own)).encode()
        )

    async def prepare(self, message: Outgoing, deadline: float) -> None:
        """Let a stream take it; TimeoutError at the deadline, and what `prepare` raises."""
        patience = deadline - asyncio.get_running_loop().time()
        await placed(partial(self._prepare_once, message, deadline), patience)

    def forget(self, message: Outgoing) -> None:
        """It is not known any more what takes it."""
        self._known[message.kind].pop(message.subject, None)

    def clear(self) -> None:
        """Nothing is known any more: the server may be another one."""
        for known in self._known.values():
            known.clear()

    async def _prepare_once(self, message: Outgoing, deadline: float) -> None:
        known = self._known[message.kind]
        async with asyncio.timeout_at(deadline), self._preparing:
            if message.subject not in known:
                subject = await self._prepare(message)
                if len(known) >= REMEMBERED_SUBJECTS:
                    known.clear()
                known[message.subject] = (subject or message.subject).encode()
