"""Answers WhoIsThere; every component runs this group."""

from __future__ import annotations

import os
import socket
import time
from importlib.metadata import version

from dovetail import Group, Observer, Settled
from todo.events import Presence, WhoIsThere

GROUP = "presence"


class Work(Observer):
    """Counts the outcome of the messages of this process."""

    def __init__(self) -> None:
        self.handled = 0
        self.failed = 0
        self._since = time.monotonic()

    @property
    def uptime(self) -> float:
        """For how many seconds this counts."""
        return time.monotonic() - self._since

    def settled(self, group: str, subject: str, what: Settled) -> None:
        """As Observer; questions who is there are no work."""
        if group != GROUP:
            self.handled += what.handled
            self.failed += what.failed


def presence(component: str, work: Work) -> Group:
    """Says that this component runs, where, for how long, and what it did."""
    group = Group(GROUP)
    host, release = socket.gethostname(), version("dovetail-todo")

    @group.on(WhoIsThere, every_member=True)
    async def answer(_: WhoIsThere) -> Presence:
        return Presence(
            component,
            host,
            os.getpid(),
            release=release,
            uptime=round(work.uptime, 3),
            handled=work.handled,
            failed=work.failed,
        )

    return group
