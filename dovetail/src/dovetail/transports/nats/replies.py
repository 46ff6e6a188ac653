"""Requests on their way, and the first reply to each, on one subscription for all of them."""

from __future__ import annotations

import asyncio
from typing import Any

from dovetail.network.protocol import ConnectionLost
from dovetail.transports.nats.limits import SWEEP_SECONDS
from dovetail.transports.nats.permissions import NotPermitted

#: Header block or None, and payload.
Reply = tuple[bytes | None, bytes]


#: The future of the reply, a time of the event loop, and the subject that was asked on.
_Asked = tuple[asyncio.Future[Any], float, bytes]


class Replies:
    """What is asked, by the subject for its reply; that is `inbox` with one more word."""

    def __init__(self, inbox: bytes) -> None:
        self.inbox = inbox
        self._last = 0
        self._asked: dict[bytes, _Asked] = {}
        #: Why no reply can come.
        self._refusal: NotPermitted | None = None

    def new_inbox(self) -> bytes:
        """A subject of our own that nobody else has."""
        self._last += 1
        return b"%s%x.x" % (self.inbox, self._last)

    def expect(self, subject: bytes, deadline: float) -> tuple[bytes, asyncio.Future[Any]]:
        """The subject for the reply; its future may end in ConnectionLost, TimeoutError or NotPermitted."""
        self._last += 1
        inbox = b"%s.%x" % (self.inbox, self._last)
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._asked[inbox] = reply, deadline, subject
        if self._refusal is not None:
            _fail(reply, self._refusal)
        return inbox, reply

    def arrived(self, subject: bytes, reply: bytes, headers: bytes | None, payload: bytes) -> None:
        """A reply came."""
        asked = self._asked.pop(subject, None)
        if asked is not None and not asked[0].done():
            asked[0].set_result((headers, payload))

    def connected(self) -> None:
        """On a new connection the user may have other permissions."""
        self._refusal = None

    def lost(self) -> None:
        """Nothing comes of what was asked on the connection that has ended."""
        asked, self._asked = self._asked, {}
        for future, *_ in asked.values():
            _fail(future, ConnectionLost())

    def refused(self, refusal: NotPermitted) -> bool:
        """End what waits for a reply that cannot come; gives whether there is anything."""
        subject = refusal.subject.encode()
        all_of_them = refusal.verb == "subscription"
        if all_of_them:
            if not subject.startswith(self.inbox):
                return False
            self._refusal = refusal
        ended = [one for one in self._asked.values() if all_of_them or one[2] == subject]
        for future, *_ in ended:
            _fail(future, refusal)
        return bool(ended)

    async def sweep(self) -> None:
        """End what nobody replies to in time: one timer for all is cheaper than one for each."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = asyncio.get_running_loop().time()
            late = [inbox for inbox, (_, deadline, _) in self._asked.items() if deadline <= now]
            for inbox in late:
                _fail(self._asked.pop(inbox)[0], TimeoutError())


def _fail(reply: asyncio.Future[Any], error: Exception) -> None:
    if not reply.done():
        reply.set_exception(error)
        reply.exception()  # whoever asked may have given up
