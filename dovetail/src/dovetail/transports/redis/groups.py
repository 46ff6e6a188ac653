"""Groups as an operator sees them: who runs, what they are called, and their end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from dovetail.members import Members
from dovetail.named import renamed
from dovetail.transports.redis.client import Client
from dovetail.transports.redis.layout import TAG, lua_match_of

#: A member that said nothing for so long does not run: it asks every second for what is due.
SILENT_MILLISECONDS = 10_000
_NAMES = f"{TAG}:names"
#: Dead letters looked at in one step, so that the server is not held up for long.
_LETTERS_AT_ONCE = 500


class Groups:
    """Looks at groups, and changes them."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def members(self) -> Sequence[Members]:
        """As Transport.members."""
        return [_members(*row) for row in await self._client.script("members")]

    async def names(self) -> Mapping[str, str]:
        """As Transport.group_names."""
        places = await self._client.run("HGETALL", _NAMES)
        return {name.decode(): place.decode() for name, place in places.items()}

    async def rename(self, old: str, new: str) -> None:
        """As Transport.rename_group."""
        changes = renamed(await self.names(), old, new)
        words = [word for name, place in changes.items() for word in (name, place)]
        await self._client.run("HSET", _NAMES, *words)

    async def remove(self, group: str, subjects: Sequence[str]) -> None:
        """As Transport.remove_group."""
        for subject in subjects:
            await self._client.script("remove", group, subject, lua_match_of(subject))
            after = await self._client.script("forget", group, subject, "-", _LETTERS_AT_ONCE)
            while after is not None:
                start = f"({after.decode()}"
                after = await self._client.script("forget", group, subject, start, _LETTERS_AT_ONCE)


def _members(name: bytes, kind: bytes, silences: Sequence[int], left: int) -> Members:
    group, _, subject = name.decode().partition(":")
    seen = datetime.fromtimestamp(left / 1000, UTC) if left else None
    if silences:
        last = datetime.now(UTC) - timedelta(milliseconds=min(silences))
        seen = max(last, seen or last)
    running = sum(1 for silent in silences if silent < SILENT_MILLISECONDS)
    return Members(group=group, subject=subject, kind=kind.decode(), running=running, seen=seen)
