"""Reading what is stored: status, and messages that wait."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from dovetail.envelope import Received, received
from dovetail.status import GroupStatus, QueueStatus
from dovetail.transports.redis.client import Client
from dovetail.transports.redis.entry import content_of
from dovetail.transports.redis.layout import lua_pattern_of


class Overview:
    """Answers questions about the store; changes nothing."""

    def __init__(self, client: Client, limit_bytes: int | None) -> None:
        self._client = client
        self._limit = limit_bytes

    async def status(self) -> QueueStatus:
        """As Transport.status."""
        messages, size, dead, rows = await self._client.script("status")
        memory = await server_info(self._client, "memory")
        limits = [self._limit or 0, int(memory.get("maxmemory", 0))]
        groups = [_row(*row) for row in rows]
        return QueueStatus(
            transport="redis",
            address=self._client.address.shown,
            server=f"redis-server {self._client.server.version}",
            messages=messages,
            bytes=size,
            limit_bytes=min((limit for limit in limits if limit), default=None),
            dead_letters=dead,
            groups=groups,
            estimated=any(one.estimates for one in groups),
        )

    async def waiting(self, subject: str, group: str, most: int) -> Sequence[Received]:
        """As Transport.waiting."""
        pattern = lua_pattern_of(subject)
        found = await self._client.script("waiting", group, subject, pattern, most)
        return [_received(subject, *one) for one in found]


async def server_info(client: Client, *sections: str) -> dict[str, str]:
    """What the server says of itself, by name; nothing where we may not ask."""
    text = (await client.run("INFO", *sections)).decode()
    pairs = (line.partition(":") for line in text.splitlines() if ":" in line)
    return {name: value for name, _, value in pairs}


def _row(name: bytes, kind: bytes, *numbers: int) -> GroupStatus:
    group, _, subject = name.decode().partition(":")
    waiting, in_hand, dead, oldest, about = numbers
    return GroupStatus(
        group=group,
        subject=subject,
        kind=kind.decode(),
        waiting=waiting,
        in_hand=in_hand,
        dead=dead,
        oldest=datetime.fromtimestamp(oldest / 1000, UTC) if oldest else None,
        estimates=("waiting",) if about else (),
    )


def _received(claimed: str, id: bytes, fields: Any, subject: bytes | None = None) -> Received:
    body, headers, ours = content_of(fields)
    name = subject or ours.get("subject") or claimed.encode()
    return received(name.decode(errors="replace"), body, headers)
