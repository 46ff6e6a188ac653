"""What an operator sees of a queue in memory."""

from __future__ import annotations

from dovetail import clock
from dovetail.status import GroupStatus, Members, QueueStatus
from dovetail.transports.memory.store import Store


def status_of(store: Store, name: str, limit: int | None) -> QueueStatus:
    """As Transport.status."""
    dead = store.dead_letters.by_claim()
    return QueueStatus(
        transport="memory",
        address=f"memory://{name}",
        server="this process",
        messages=len(store.history),
        bytes=store.bytes,
        limit_bytes=limit,
        dead_letters=len(store.dead_letters),
        groups=[
            GroupStatus(
                group=group,
                subject=subject,
                kind=backlog.claim.kind,
                waiting=backlog.waiting,
                in_hand=backlog.in_hand,
                dead=dead[group, subject],
                oldest=backlog.oldest,
            )
            for (group, subject), backlog in store.backlogs.items()
        ],
    )


def members_of(store: Store) -> list[Members]:
    """As Transport.members."""
    now = clock.now()
    return [
        Members(
            group=group,
            subject=subject,
            kind=backlog.claim.kind,
            running=backlog.members,
            seen=now if backlog.members else backlog.left,
        )
        for (group, subject), backlog in store.backlogs.items()
    ]


def unsettled_in(store: Store) -> list[str]:
    """What groups have yet to handle, in words."""
    return [
        f"{group} has {backlog.waiting} waiting and {backlog.in_hand} in hand or to be tried again "
        f"of {subject}"
        for (group, subject), backlog in store.backlogs.items()
        if backlog.waiting or backlog.in_hand
    ]
