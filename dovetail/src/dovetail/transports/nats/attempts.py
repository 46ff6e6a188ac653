"""Counts failed attempts on the queue itself.

The server counts deliveries, but not every delivery is an attempt: what was prefetched and released, or was
in flight when its worker was killed, was never tried. So each failure is noted in a stream that keeps the
last note for each message, and only a message that is delivered again is looked up.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import msgspec

from dovetail.errors import QueueError
from dovetail.transports.nats import topology
from dovetail.transports.nats.publisher import Publisher
from dovetail.transports.nats.stream_reader import StreamReader


class AttemptCount(msgspec.Struct, frozen=True, omit_defaults=True):
    """How earlier deliveries of one message ended."""

    failed: int = 0
    released: int = 0
    #: It was acked after its lease had ended, and the server may have delivered it again before that.
    handled: bool = False


log = logging.getLogger("dovetail.nats")

_decoder = msgspec.json.Decoder(AttemptCount)


class AttemptStore:
    """The notes for the messages of one consumer, `<stream>.<consumer>`.

    `restore` makes their stream again where it is gone.
    """

    def __init__(
        self,
        reader: StreamReader,
        publisher: Publisher,
        restore: Callable[[], Awaitable[None]],
        consumer: str,
    ) -> None:
        self._reader = reader
        self._publisher = publisher
        self._restore = restore
        self._prefix = f"{topology.ATTEMPTS_PREFIX}{consumer}."
        self._reported = False

    async def read(self, message: str) -> AttemptCount:
        """What is noted for the message with this key."""
        wanted = {"last_by_subj": self._prefix + message}
        try:
            found = await self._reader.message(topology.ATTEMPTS, wanted)
        except QueueError:
            await self._restore()
            found = await self._reader.message(topology.ATTEMPTS, wanted)
        if found is None:
            return AttemptCount()
        try:
            return _decoder.decode(found.body)
        except msgspec.DecodeError as error:
            return self._undecodable(message, error)

    def _undecodable(self, message: str, error: msgspec.DecodeError) -> AttemptCount:
        """Somebody else wrote it, or its file was damaged: the message is to be handled all the same."""
        if not self._reported:
            self._reported = True
            log.warning(
                "a note of how often a message failed cannot be read, and counts as none; this is said once: "
                "%s%s in the stream %s: %s",
                self._prefix,
                message,
                topology.ATTEMPTS,
                error,
            )
        return AttemptCount()

    async def note(self, message: str, count: AttemptCount) -> None:
        """Note it; returns when the queue has it on its store."""
        await self._publisher.publish(self._prefix + message, msgspec.json.encode(count))
