"""Which groups have claimed events, in notes of our own.

A server does not list a consumer whose file it cannot read, nor one whose servers are down. What its group
has not handled must not be trimmed all the same.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Iterable, Set

from dovetail import clock
from dovetail.errors import DovetailError
from dovetail.transports.nats import topology
from dovetail.transports.nats.api_errors import file_of_progress
from dovetail.transports.nats.jetstream import JetStream
from dovetail.transports.nats.limits import CLAIM_NOTE_SECONDS, CLAIM_NOTED_SECONDS

log = logging.getLogger("dovetail.nats")


class Claims:
    """By the names of the consumers in the events stream."""

    def __init__(self, api: JetStream) -> None:
        self._api = api
        self._own: set[str] = set()
        #: Of which it is said that they are not served.
        self._reported: Set[str] = frozenset()
        self._renewed = -math.inf

    async def note(self, consumer: str) -> None:
        """Note it, unless we did; where that fails, trimming does it later."""
        if consumer in self._own:
            return
        try:
            async with asyncio.timeout(CLAIM_NOTED_SECONDS):
                await self._api.store(_note(consumer))
        except (DovetailError, TimeoutError) as error:
            log.debug("not noted that %s is claimed: %s", consumer, error)
        else:
            self._own.add(consumer)

    async def noted(self) -> set[str]:
        """All that are claimed, as far as it was noted.

        Read this before consumers are listed: a consumer is made before its note, and deleted before it.
        """
        info = await self._api.stream(topology.ATTEMPTS, _note(">"))
        subjects = info["state"].get("subjects") if info else None
        return {one.removeprefix(topology.CLAIMED) for one in subjects or ()}

    async def unserved(self, noted: Set[str], listed: Set[str]) -> Set[str]:
        """Those that no server serves now. It is said once, and what is served is noted."""
        missing = noted - listed
        for consumer in sorted(missing - self._reported):
            group, subject = topology.split_consumer(consumer)
            log.warning(
                "events on %s are not trimmed: the group %s has claimed them, and no server knows now how "
                "far it has come. Where its file is damaged, end the server, remove %s, and start it again; "
                "where its consumer was deleted and the group is not to come back: dovetail group remove",
                subject,
                group,
                file_of_progress(topology.EVENTS, consumer),
            )
        self._reported = missing
        is_due = clock.monotonic() - self._renewed > CLAIM_NOTE_SECONDS
        try:
            await self._note_listed(listed if is_due else listed - noted)
            if is_due:
                for consumer in missing & await self.noted():  # what was removed meanwhile stays so
                    await self._api.store(_note(consumer))
                self._renewed = clock.monotonic()
        except DovetailError as error:
            log.debug("not noted what is claimed: %s", error)
        return missing

    async def forget(self, consumer: str) -> None:
        """It is claimed no more."""
        self._own.discard(consumer)
        await self._api.purge(topology.ATTEMPTS, _note(consumer))

    async def _note_listed(self, consumers: Iterable[str]) -> None:
        for consumer in consumers:
            await self._api.store(_note(consumer))
            # Whose group was removed meanwhile: whoever removes it deletes the consumer first, then the note.
            if await self._api.consumer(topology.EVENTS, consumer) is None:
                await self.forget(consumer)


def _note(consumer: str) -> str:
    return f"{topology.CLAIMED}{consumer}"
