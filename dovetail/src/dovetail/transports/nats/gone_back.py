"""A stream that has gone back: its newest messages are missing, its files being damaged or older ones.

Its readers have handled, or been given, more than it has now. What is stored next gets the sequences of what
is missing, and the readers would never be given it: they have had those sequences. So a stream is made to
count on from where its furthest reader is.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from dovetail.errors import DovetailError
from dovetail.options import QueueOptions
from dovetail.transports.nats import layout
from dovetail.transports.nats.address import parse_address
from dovetail.transports.nats.client import Client
from dovetail.transports.nats.jetstream import (
    CONSUMER_NOT_FOUND,
    STREAM_NOT_FOUND,
    ApiError,
    JetStream,
)

log = logging.getLogger("dovetail.nats")

#: Notes that are written at once to pass sequences over.
_AT_ONCE = 10_000
#: For one call, or for the server to take so many notes.
_SECONDS = 10.0


class Watch:
    """Looks after the streams that are read here, whenever the connection was made again."""

    def __init__(self, client: Client, api: JetStream) -> None:
        self._client = client
        self._api = api
        #: Stream and consumer, and when the stream was made.
        self._read: dict[tuple[str, str], str] = {}
        self._task: asyncio.Task[None] | None = None
        client.on_connected.append(self._on_connected)

    async def check(self, stream: str, consumer: str) -> None:
        """Let the stream count on where this reader of it is, if it has gone back; say what is gone."""
        made = self._read.get((stream, consumer), "")
        # In this order: a reader is never given what came after the stream was looked at.
        reader = await self._info(f"CONSUMER.INFO.{stream}.{consumer}")
        info = await self._info(f"STREAM.INFO.{stream}")
        if made and (info is None or info["created"] != made):
            self._emptied(stream)
        elif made and reader is None:
            self._forgotten(stream, consumer)
        if reader is None or info is None:
            self._read[stream, consumer] = ""
            return
        self._read[stream, consumer] = info["created"]
        if reader["delivered"]["stream_seq"] > info["state"]["last_seq"]:
            await count_on(self._client, self._api, stream)
            log.error("what was published since %s was put back is to be published again", stream)

    async def know(self, stream: str, consumer: str) -> None:
        """Both are there now."""
        if not self._read.get((stream, consumer)):
            info = await self._info(f"STREAM.INFO.{stream}")
            self._read[stream, consumer] = "" if info is None else info["created"]

    async def _info(self, subject: str) -> dict[str, Any] | None:
        """None where there is no such thing."""
        try:
            return await self._api.call(subject)
        except ApiError as error:
            if error.code in (CONSUMER_NOT_FOUND, STREAM_NOT_FOUND):
                return None
            raise

    def _emptied(self, stream: str) -> None:
        log.error(
            "the queue at %s has lost the stream %s, which was there before, with all that waited in it: it "
            "was deleted, or the server has started without its store. What comes now is handled",
            self._client.address.shown,
            stream,
        )

    def _forgotten(self, stream: str, consumer: str) -> None:
        log.warning(
            "the queue at %s knows no more how far %s has come in the stream %s: its consumer was deleted, "
            "unless the group was removed",
            self._client.address.shown,
            layout.split_consumer(consumer)[0],
            stream,
        )

    async def close(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _on_connected(self) -> None:
        if self._read and (self._task is None or self._task.done()):
            self._task = self._client.loop.create_task(self._check_all())

    async def _check_all(self) -> None:
        try:
            for stream, consumer in list(self._read):
                await self.check(stream, consumer)
        except DovetailError as error:
            log.debug("not known whether a stream has gone back: %s", error)


async def count_on(client: Client, api: JetStream, stream: str) -> None:
    """Let the stream give no sequence again that one of its readers has had."""
    readers = await api.listed(f"CONSUMER.LIST.{stream}", "consumers")
    furthest = max((one["delivered"]["stream_seq"] for one in readers), default=0)
    last = (await api.call(f"STREAM.INFO.{stream}"))["state"]["last_seq"]
    if furthest <= last:
        return
    log.error(
        "messages are missing in the stream %r of the queue at %s: its groups have been given %d, and the "
        "newest that it has now is %d. Its files were damaged, or an older copy was put back. What is "
        "missing and was not handled is lost; what comes from now on is handled",
        stream,
        client.address.shown,
        furthest,
        last,
    )
    if stream == layout.EVENTS:
        await _pass_over(client, api, last, furthest)
        return
    # All that a work queue has is to be handled, so its reader may begin anew.
    for one in readers:
        await api.call(f"CONSUMER.DELETE.{stream}.{one['name']}")


async def _pass_over(client: Client, api: JetStream, last: int, upto: int) -> None:
    """Use up these sequences, with notes that nobody is handed."""
    note = b"PUB %s 0\r\n\r\n" % layout.EVENTS_PING.encode()
    while last < upto:
        wire = await client.ready(client.loop.time() + _SECONDS)
        wire.write(note * min(_AT_ONCE, upto - last))
        await client.flush(_SECONDS)
        last = (await api.call(f"STREAM.INFO.{layout.EVENTS}"))["state"]["last_seq"]
    await api.call(f"STREAM.PURGE.{layout.EVENTS}", {"filter": layout.EVENTS_PING})


async def count_on_at(url: str) -> None:
    """The same for every stream of the server at this address. For its owner, before others come."""
    options = QueueOptions(patience=_SECONDS)
    client = Client(parse_address(url, options.setting), options)
    await client.open()
    try:
        api = JetStream(client, _SECONDS)
        for name in await api.listed("STREAM.NAMES", "streams"):
            await count_on(client, api, str(name))
    finally:
        await client.close()
