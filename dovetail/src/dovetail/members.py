"""Who runs of a group."""

from __future__ import annotations

from datetime import datetime

import msgspec

from dovetail.status import GroupStatus


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
