"""What groups are called, and their end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dovetail.transports.common.group_names import renamed
from dovetail.transports.redis.client import Client
from dovetail.transports.redis.limits import LETTERS_AT_ONCE
from dovetail.transports.redis.topology import TAG, lua_match_of

_NAMES = f"{TAG}:names"


class Groups:
    """Renames and removes groups."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def names(self) -> Mapping[str, str]:
        places = await self._client.run("HGETALL", _NAMES)
        return {
            name.decode(errors="replace"): place.decode(errors="replace")
            for name, place in places.items()
        }

    async def rename(self, old: str, new: str) -> None:
        changes = renamed(await self.names(), old, new)
        words = [word for name, place in changes.items() for word in (name, place)]
        await self._client.run("HSET", _NAMES, *words)

    async def remove(self, group: str, subjects: Sequence[str]) -> None:
        for subject in subjects:
            await self._client.script("remove_group", group, subject, lua_match_of(subject))
            start: str | None = "-"
            while start is not None:
                after: bytes | None = await self._client.script(
                    "remove_group_letters", group, subject, start, LETTERS_AT_ONCE
                )
                start = None if after is None else f"({after.decode()}"
