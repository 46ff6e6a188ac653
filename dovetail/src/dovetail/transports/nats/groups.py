"""Groups as an operator sees them: what they are called, and their end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dovetail.errors import QueueUnavailable
from dovetail.transports.common.group_names import renamed
from dovetail.transports.nats import topology
from dovetail.transports.nats.api_errors import ApiError
from dovetail.transports.nats.claims import Claims
from dovetail.transports.nats.jetstream import JetStream
from dovetail.transports.nats.limits import UPDATE_TRIES


async def group_consumers(api: JetStream) -> list[tuple[str, dict[str, Any]]]:
    """Each consumer of each group, with its stream."""
    return [
        (stream, info)
        for stream in await api.listed("STREAM.NAMES", "streams")
        if stream == topology.EVENTS or topology.command_of(stream) is not None
        for info in await api.consumers(stream)
        if "=" in info["name"]
    ]


class Groups:
    """Changes groups. What they are called, and what was removed, is metadata of the events stream."""

    def __init__(self, api: JetStream, claims: Claims) -> None:
        self._api = api
        self._claims = claims

    async def names(self) -> Mapping[str, str]:
        stream = await self._api.stream(topology.EVENTS)
        metadata = stream["config"].get("metadata") if stream else None
        return {
            key.removeprefix(topology.NAME): place
            for key, place in (metadata or {}).items()
            if key.startswith(topology.NAME)
        }

    async def rename(self, old: str, new: str) -> None:
        changes = renamed(await self.names(), old, new)
        await self._remember({topology.NAME + name: place for name, place in changes.items()})

    async def remove(self, group: str, subjects: Sequence[str]) -> None:
        claimed = {(topology.EVENTS, name) for name in await self._claims.noted()}
        claimed |= {(stream, info["name"]) for stream, info in await group_consumers(self._api)}
        own = [
            (stream, subject)
            for stream, consumer in sorted(claimed)
            for whose, subject in [topology.split_consumer(consumer)]
            if whose == group and subject in subjects
        ]
        events = [subject for stream, subject in own if stream == topology.EVENTS]
        await self._remember({topology.RELEASED + subject: "" for subject in events})
        for stream, subject in own:
            await self._remove(stream, group, subject)

    async def _remove(self, stream: str, group: str, subject: str) -> None:
        """Consumer and note last: as long as one of them is there, this can be done again."""
        consumer = topology.consumer_of(group, subject)
        attempts = f"{topology.ATTEMPTS_PREFIX}{stream}.{consumer}.>"
        await self._api.purge(topology.DEAD, f"{topology.DEAD_PREFIX}{group}.{subject}")
        await self._api.purge(topology.ATTEMPTS, attempts)
        if stream == topology.EVENTS:
            await self._api.purge(topology.EVENTS, topology.replay_subject(group, subject, ">"))
        try:
            await self._api.call(f"CONSUMER.DELETE.{stream}.{consumer}")
        except ApiError as error:
            if not error.is_not_found:
                raise
        if stream == topology.EVENTS:
            await self._claims.forget(consumer)

    async def _remember(self, wanted: Mapping[str, str]) -> None:
        for _ in range(UPDATE_TRIES):
            config = await self._api.config(topology.EVENTS)
            known = config.get("metadata") or {}
            if wanted.items() <= known.items():
                return
            await self._api.update(config, metadata={**known, **wanted})
        raise QueueUnavailable("the queue did not keep what was changed of its groups; try again")
