"""What an operator sees of a queue."""

from __future__ import annotations

from datetime import datetime

import msgspec


class GroupStatus(msgspec.Struct, kw_only=True, frozen=True):
    """How far one group has come with one subject."""

    group: str
    subject: str
    kind: str
    #: Messages that no member has yet.
    waiting: int
    #: Messages that a member has, or that wait for their next attempt.
    in_hand: int
    dead: int = 0
    #: When the oldest message that is not handled yet was published.
    oldest: datetime | None = None
    #: The names of those fields above that are about right only, as the exact ones would take long to find.
    estimates: tuple[str, ...] = ()


class QueueStatus(msgspec.Struct, kw_only=True, frozen=True):
    """What is stored, and how far each group has come."""

    transport: str
    #: Without user and password.
    address: str
    server: str
    messages: int
    #: Bytes on the store, None where the queue does not tell, and its limit; None where it has none.
    bytes: int | None
    limit_bytes: int | None
    dead_letters: int
    groups: list[GroupStatus]
    #: Whether something of a group is about right only; its `estimates` say what.
    estimated: bool = False


class Members(msgspec.Struct, kw_only=True, frozen=True):
    """The members of one group for one subject."""

    group: str
    subject: str
    kind: str
    #: How many there are now, as far as they answer.
    running: int
    #: When one of them last did something; None where the queue does not tell.
    seen: datetime | None = None


class GroupInfo(msgspec.Struct, kw_only=True, frozen=True):
    """How far one group has come with one subject, and who runs."""

    status: GroupStatus
    running: int
    seen: datetime | None


def together(statuses: list[GroupStatus], members: list[Members]) -> list[GroupInfo]:
    """Each status with its members."""
    known = {(one.group, one.subject, one.kind): one for one in members}
    infos = []
    for status in statuses:
        found = known.get((status.group, status.subject, status.kind))
        running, seen = (found.running, found.seen) if found else (0, None)
        infos.append(GroupInfo(status=status, running=running, seen=seen))
    return infos
