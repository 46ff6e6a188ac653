"""What every fake server can be asked: to take connections, to crash, to be slow."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from random import Random


class FakeServer(ABC):
    """A server without threads, sockets or a clock of its own: it lives on the loop that runs.

    It uses the running loop's time and timers, `dovetail.clock.time_ns()` where it tells the time of
    day, and the random numbers that it is given. So it runs unchanged on an ordinary event loop
    (`await loop.create_server(server.accept, "127.0.0.1", 0)`) and on the simulation's.
    """

    #: How long a write takes until it is confirmed, in seconds; drawn anew each time.
    disk_seconds: tuple[float, float] = (0.0, 0.0)
    #: What is sent is cut into pieces at random bytes.
    pieces: bool = False

    def __init__(self, random: Random | None = None) -> None:
        self.random = random or Random(0)

    @abstractmethod
    def accept(self) -> asyncio.Protocol:
        """The protocol of one more connection, for `loop.create_server`."""

    @abstractmethod
    def url(self, host: str, port: int) -> str:
        """Where clients connect to, once it listens there."""

    @abstractmethod
    def crash(self) -> None:
        """As kill -9 and a new start: every connection is lost, and what lived only in memory.

        What was confirmed stays.
        """

    @abstractmethod
    def close(self) -> None:
        """End its connections and timers; nothing is left on the loop."""
