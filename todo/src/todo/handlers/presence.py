"""Answers who is there: every component has this group."""

from __future__ import annotations

import os
import socket

from dovetail import Group
from todo.events import Presence, WhoIsThere


def presence(component: str) -> Group:
    """Says that this component runs, and where."""
    group = Group("presence")
    here = Presence(component, socket.gethostname(), os.getpid())

    @group.on(WhoIsThere, every_member=True)
    async def answer(_: WhoIsThere) -> Presence:
        return here

    return group
