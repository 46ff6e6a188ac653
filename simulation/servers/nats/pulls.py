"""Requests for messages that wait at one consumer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulation.servers.nats.headers import status
from simulation.servers.nats.times import SECOND

#: How a heartbeat, an end by time, one by size and the end of the consumer are told.
HEARTBEAT, TIMEOUT = (100, "Idle Heartbeat"), (408, "Request Timeout")
TOO_LARGE, COMPLETED = (409, "Message Size Exceeds MaxBytes"), (409, "Batch Completed")
DELETED = (409, "Consumer Deleted")


@dataclass
class Pull:
    """One request; times are those of the event loop, in seconds."""

    reply: str
    batch: int
    #: 0 is without a limit.
    bytes: int
    expires: float
    heartbeat: float
    next_heartbeat: float

    def left(self) -> dict[str, object]:
        """What it has not got."""
        return {"Nats-Pending-Messages": self.batch, "Nats-Pending-Bytes": self.bytes}


class Pulls:
    """`tell` sends a header block to whoever asked, and `is_heard` knows whether they are still there.

    `position` is told in heartbeats.
    """

    def __init__(
        self,
        most: int,
        tell: Callable[[str, bytes], None],
        is_heard: Callable[[str], bool],
        position: Callable[[], dict[str, object]],
    ) -> None:
        self._most = most
        self._tell = tell
        self._is_heard = is_heard
        self._position = position
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self.waiting: deque[Pull] = deque()

    def add(self, request: dict[str, Any], reply: str) -> None:
        """One more. With a heartbeat one too many is dropped without a word: its absence tells."""
        now = self._loop.time()
        expires = now + request["expires"] / SECOND
        heartbeat = request.get("idle_heartbeat", 0) / SECOND
        pull = Pull(
            reply,
            request["batch"],
            request.get("max_bytes", 0),
            expires,
            heartbeat,
            now + heartbeat,
        )
        if len(self.waiting) >= self._most:
            self.look()
        if len(self.waiting) < self._most:
            self.waiting.append(pull)
            self._look_by(min(expires, pull.next_heartbeat) if heartbeat else expires)
        elif not heartbeat:
            self._tell(reply, status(409, "Exceeded MaxWaiting"))

    def next(self, size: int) -> Pull | None:
        """Who gets a message of so many bytes; the others are next then."""
        now = self._loop.time()
        while self.waiting:
            pull = self.waiting.popleft()
            if now >= pull.expires:
                self._tell(pull.reply, status(*TIMEOUT, pull.left()))
            elif pull.bytes and size > pull.bytes:
                self._tell(pull.reply, status(*TOO_LARGE, pull.left()))
            elif self._is_heard(pull.reply):
                return pull
        return None

    def delivered(self, pull: Pull, size: int) -> None:
        """It got a message of so many bytes; what it still wants goes on waiting."""
        if pull.bytes:
            pull.bytes -= size
            if not pull.bytes:
                pull.batch = 1
        pull.batch -= 1
        if pull.batch > 0:
            pull.next_heartbeat = self._loop.time() + pull.heartbeat
            self.waiting.append(pull)
        elif pull.bytes:
            self._tell(pull.reply, status(*COMPLETED, pull.left()))

    def look(self) -> None:
        """End what is over, and tell the others that they still wait."""
        self._stop()
        now = self._loop.time()
        again: float | None = None
        for pull in [*self.waiting]:
            if now >= pull.expires:
                self._tell(pull.reply, status(*TIMEOUT, pull.left()))
                self.waiting.remove(pull)
                continue
            if not self._is_heard(pull.reply):
                self.waiting.remove(pull)
                continue
            due = pull.expires
            if pull.heartbeat:
                if now >= pull.next_heartbeat:
                    self._tell(pull.reply, status(*HEARTBEAT, self._position()))
                    pull.next_heartbeat = now + pull.heartbeat
                due = min(due, pull.next_heartbeat)
            again = due if again is None else min(again, due)
        if again is not None:
            self._look_by(again)

    def clear(self) -> None:
        """Those who asked are gone."""
        self._stop()
        self.waiting.clear()

    def end(self) -> None:
        """The consumer is gone."""
        for pull in self.waiting:
            if self._is_heard(pull.reply):
                self._tell(pull.reply, status(*DELETED))
        self.clear()

    def _look_by(self, due: float) -> None:
        if self._timer is None or self._timer.when() > due:
            self._stop()
            self._timer = self._loop.call_at(due, self.look)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
