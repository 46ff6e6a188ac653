"""Counts failed attempts on the queue itself.

The server counts deliveries, but not every delivery is an attempt: what was prefetched and given back,
or was in the hands of a killed worker, was never tried. So each failure is noted in a stream that keeps
the last note for each message, and only a message that is delivered again is looked up.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from dovetail.errors import QueueError
from dovetail.transports.nats import layout
from dovetail.transports.nats.jetstream import JetStream
from dovetail.transports.nats.publisher import Publisher


class Count(msgspec.Struct, frozen=True, omit_defaults=True):
    """How earlier deliveries of one message ended."""

    failed: int = 0
    released: int = 0
    #: It was acked after its lease had ended, and the server may have delivered it again before that.
    handled: bool = False


class Attempts:
    """The notes for the messages of one consumer; `restore` makes their stream again where it is gone."""

    def __init__(
        self,
        api: JetStream,
        publisher: Publisher,
        restore: Callable[[], Awaitable[None]],
        stream: str,
        consumer: str,
    ) -> None:
        self._api = api
        self._publisher = publisher
        self._restore = restore
        self._prefix = f"dovetail.attempts.{stream}.{consumer}."

    async def read(self, message: str) -> Count:
        """What is noted for the message with this key."""
        wanted = {"last_by_subj": self._prefix + message}
        try:
            found = await self._api.message(layout.ATTEMPTS, wanted)
        except QueueError:
            await self._restore()
            found = await self._api.message(layout.ATTEMPTS, wanted)
        return Count() if found is None else msgspec.json.decode(found.body, type=Count)

    async def note(self, message: str, count: Count) -> None:
        """Note it; returns when the queue has it on its store."""
        await self._publisher.publish(self._prefix + message, msgspec.json.encode(count))
