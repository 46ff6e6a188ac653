"""Groups as an operator sees them: who runs, what they are called, and their end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from dovetail.errors import NobodyListening, QueueUnavailable
from dovetail.members import Members
from dovetail.named import renamed
from dovetail.transports.nats import layout
from dovetail.transports.nats.client import Client
from dovetail.transports.nats.jetstream import (
    CONSUMER_NOT_FOUND,
    STREAM_NOT_FOUND,
    ApiError,
    JetStream,
)
from dovetail.transports.nats.live import asking

#: What members may take to answer.
ANSWER_SECONDS = 0.5
_UPDATE_TRIES = 10


class Groups:
    """Looks at groups, and changes them."""

    def __init__(self, client: Client, api: JetStream) -> None:
        self._client = client
        self._api = api

    async def members(self) -> Sequence[Members]:
        """As Transport.members."""
        answering, consumers = await asyncio.gather(self._answering(), self._consumers())
        return [_members(stream, info, answering) for stream, info in consumers]

    async def _answering(self) -> Counter[str]:
        """How many members answer, by `<stream>.<consumer>`."""
        found: Counter[str] = Counter()
        try:
            async with asking(self._client, layout.MEMBERS, b"", ANSWER_SECONDS) as answers:
                async for _, name in answers:
                    found[name.decode(errors="replace")] += 1
        except NobodyListening:
            pass
        return found

    async def _consumers(self) -> list[tuple[str, dict[str, Any]]]:
        return [
            (stream, info)
            for stream in map(str, await self._api.listed("STREAM.NAMES", "streams"))
            if stream == layout.EVENTS or layout.command_of(stream) is not None
            for info in await self._api.listed(f"CONSUMER.LIST.{stream}", "consumers")
            if "=" in info["name"]
        ]

    async def names(self) -> Mapping[str, str]:
        """As Transport.group_names."""
        return {
            key.removeprefix(layout.NAME): place
            for key, place in (await self._metadata()).items()
            if key.startswith(layout.NAME)
        }

    async def rename(self, old: str, new: str) -> None:
        """As Transport.rename_group."""
        changes = renamed(await self.names(), old, new)
        await self._note({layout.NAME + name: place for name, place in changes.items()})

    async def remove(self, group: str, subjects: Sequence[str]) -> None:
        """As Transport.remove_group."""
        own = [
            (stream, subject)
            for stream, info in await self._consumers()
            for whose, subject in [layout.split_consumer(info["name"])]
            if whose == group and subject in subjects
        ]
        events = [subject for stream, subject in own if stream == layout.EVENTS]
        await self._note({layout.RELEASED + subject: "" for subject in events})
        for stream, subject in own:
            await self._remove(stream, group, subject)

    async def _remove(self, stream: str, group: str, subject: str) -> None:
        """The consumer last: as long as it is there, this can be done again."""
        consumer = layout.consumer_of(group, subject)
        await self._purge(layout.DEAD, f"dovetail.dead.{group}.{subject}")
        await self._purge(layout.ATTEMPTS, f"dovetail.attempts.{stream}.{consumer}.>")
        if stream == layout.EVENTS:
            await self._purge(layout.EVENTS, layout.replay_subject(group, subject, ">"))
        try:
            await self._api.call(f"CONSUMER.DELETE.{stream}.{consumer}")
        except ApiError as error:
            if error.code not in (CONSUMER_NOT_FOUND, STREAM_NOT_FOUND):
                raise

    async def _purge(self, stream: str, subject: str) -> None:
        try:
            await self._api.call(f"STREAM.PURGE.{stream}", {"filter": subject})
        except ApiError as error:
            if error.code != STREAM_NOT_FOUND:
                raise

    async def _metadata(self) -> dict[str, str]:
        try:
            info = await self._api.call(f"STREAM.INFO.{layout.EVENTS}")
        except ApiError as error:
            if error.code != STREAM_NOT_FOUND:
                raise
            return {}
        return info["config"].get("metadata") or {}

    async def _note(self, wanted: Mapping[str, str]) -> None:
        """Others may change the stream at once, and the later one wins: look again until ours is in."""
        for _ in range(_UPDATE_TRIES):
            config = (await self._api.call(f"STREAM.INFO.{layout.EVENTS}"))["config"]
            known = config.get("metadata") or {}
            if wanted.items() <= known.items():
                return
            changed = {**config, "metadata": {**known, **wanted}}
            await self._api.call(f"STREAM.UPDATE.{layout.EVENTS}", changed)
        raise QueueUnavailable("the queue did not keep what was changed of its groups; try again")


def _members(stream: str, info: Mapping[str, Any], answering: Mapping[str, int]) -> Members:
    group, subject = layout.split_consumer(info["name"])
    # Members of older versions do not answer; most of the time they have asked for messages.
    running = max(answering[f"{stream}.{info['name']}"], info["num_waiting"] > 0)
    times = [info[part].get("last_active") for part in ("delivered", "ack_floor")]
    seen = max((msgspec.convert(one, datetime) for one in times if one), default=None)
    kind = "event" if stream == layout.EVENTS else "command"
    return Members(group=group, subject=subject, kind=kind, running=running, seen=seen)
