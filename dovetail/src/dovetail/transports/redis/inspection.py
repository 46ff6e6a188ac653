"""Reading what is stored: status, messages that wait, who runs. Nothing is changed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from dovetail import clock
from dovetail.codec.envelope import Received, received
from dovetail.status import GroupStatus, Members, QueueStatus
from dovetail.transports.common.store_room import Room
from dovetail.transports.redis.client import Client
from dovetail.transports.redis.entries import content_of
from dovetail.transports.redis.limits import SILENT_MILLISECONDS
from dovetail.transports.redis.topology import lua_pattern_of


class Inspection:
    """`room` is told by the publisher what was refused."""

    def __init__(self, client: Client, room: Room, limit_bytes: int | None) -> None:
        self._client = client
        self._room = room
        self._limit = limit_bytes

    async def ping(self, timeout: float) -> None:
        """As Transport.ping: the server refuses this for the same reasons as a message."""
        deadline = asyncio.get_running_loop().time() + timeout
        stored = await self._client.script("ping", deadline=deadline)
        self._room.check(stored, self._limit)

    async def status(self) -> QueueStatus:
        messages, size, dead, rows = await self._client.script("status")
        memory = await server_info(self._client, "memory")
        limits = [self._limit or 0, int(memory.get("maxmemory", 0))]
        groups = [_status(*row) for row in rows]
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
        pattern = lua_pattern_of(subject)
        found = await self._client.script("waiting", group, subject, pattern, most)
        return [_received(subject, *one) for one in found]

    async def members(self) -> Sequence[Members]:
        return [_members(*row) for row in await self._client.script("members")]


async def server_info(client: Client, *sections: str) -> dict[str, str]:
    """What the server says of itself, by name; nothing where we may not ask."""
    text = (await client.run("INFO", *sections)).decode()
    pairs = (line.partition(":") for line in text.splitlines() if ":" in line)
    return {name: value for name, _, value in pairs}


def _status(name: bytes, kind: bytes, *numbers: int) -> GroupStatus:
    group, _, subject = name.decode(errors="replace").partition(":")
    waiting, in_flight, dead, oldest, about = numbers
    return GroupStatus(
        group=group,
        subject=subject,
        kind=kind.decode(errors="replace"),
        waiting=waiting,
        in_hand=in_flight,
        dead=dead,
        oldest=datetime.fromtimestamp(oldest / 1000, UTC) if oldest else None,
        estimates=("waiting",) if about else (),
    )


def _received(claimed: str, id: bytes, fields: Any, subject: bytes | None = None) -> Received:
    body, headers, ours = content_of(fields)
    name = subject or ours.get("subject") or claimed.encode()
    return received(name.decode(errors="replace"), body, headers)


def _members(name: bytes, kind: bytes, silences: Sequence[int], left: int) -> Members:
    group, _, subject = name.decode(errors="replace").partition(":")
    seen = datetime.fromtimestamp(left / 1000, UTC) if left else None
    if silences:
        last = clock.now() - timedelta(milliseconds=min(silences))
        seen = max(last, seen or last)
    running = sum(1 for silent in silences if silent < SILENT_MILLISECONDS)
    return Members(
        group=group, subject=subject, kind=kind.decode(errors="replace"), running=running, seen=seen
    )
