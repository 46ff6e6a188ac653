"""A stream that was rolled back: its newest messages are missing, its files being damaged or older ones.

Its consumers have delivered more than it has now. What is stored next gets the sequences of what is missing,
and would never be delivered: the consumers have had those sequences. So the stream is made to go on from
where its furthest consumer is.
"""

from __future__ import annotations

import asyncio
import logging

from dovetail.errors import DovetailError, QueueFull, QueueUnavailable
from dovetail.network.connecting import Reports
from dovetail.options import QueueOptions
from dovetail.transports.nats import topology
from dovetail.transports.nats.address import parse_address
from dovetail.transports.nats.api_errors import NO_ROOM, ApiError
from dovetail.transports.nats.client import Client
from dovetail.transports.nats.jetstream import JetStream
from dovetail.transports.nats.limits import CHECK_AGAIN_SECONDS, NOTES_AT_ONCE, NOTES_SECONDS
from dovetail.transports.nats.protocol import pub
from dovetail.unforeseen import Unforeseen

log = logging.getLogger("dovetail.nats")


class RollbackWatch:
    """Checks the streams that are read here, whenever the connection was made again."""

    def __init__(self, client: Client, api: JetStream) -> None:
        self._client = client
        self._api = api
        #: Stream and consumer, and when the stream was made.
        self._read: dict[tuple[str, str], str] = {}
        self._task: asyncio.Task[None] | None = None
        self._unforeseen = Unforeseen(log, "looking whether a stream was rolled back")
        client.on_connected.append(self._on_connected)

    async def check(self, stream: str, consumer: str) -> None:
        """Let the stream go on from where this consumer of it is, if it was rolled back; say what is gone."""
        made = self._read.get((stream, consumer), "")
        # In this order: nothing is delivered that came after the stream was looked at.
        reader = await self._api.consumer(stream, consumer)
        info = await self._api.stream(stream)
        if made and (info is None or info["created"] != made):
            self._emptied(stream)
        elif made and reader is None:
            self._forgotten(stream, consumer)
        if reader is None or info is None:
            self._read[stream, consumer] = ""
            return
        self._read[stream, consumer] = info["created"]
        # In a cluster the two may have been told by servers of which one lags: what is missing is seen twice.
        delivered, last = reader["delivered"]["stream_seq"], info["state"]["last_seq"]
        if delivered > last and await skip_lost_sequences(self._client, self._api, stream):
            log.error("what was published since %s was put back is to be published again", stream)

    async def know(self, stream: str, consumer: str) -> None:
        """Both are there now."""
        if not self._read.get((stream, consumer)):
            info = await self._api.stream(stream)
            self._read[stream, consumer] = "" if info is None else info["created"]

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
            "or the server cannot read its file, unless the group was removed",
            self._client.address.shown,
            topology.split_consumer(consumer)[0],
            stream,
        )

    async def close(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _on_connected(self) -> None:
        if self._task is not None:
            self._task.cancel()
        if self._read:
            self._task = self._client.loop.create_task(self._check_all())

    async def _check_all(self) -> None:
        reports = Reports(at_once=True)
        left = list(self._read)
        while left := [one for one in left if not await self._checked(*one, reports)]:  # noqa: ASYNC110
            await asyncio.sleep(CHECK_AGAIN_SECONDS)

    async def _checked(self, stream: str, consumer: str, reports: Reports) -> bool:
        try:
            await self.check(stream, consumer)
        except DovetailError as error:
            if reports.due():
                log.error(
                    "not known whether the stream %s was rolled back, trying again; if it was, what comes "
                    "next may be handed to no group: %s",
                    stream,
                    error,
                )
            return False
        except Exception as error:  # noqa: BLE001 - nobody waits for it
            self._unforeseen.tell(error)
            return False
        return True


async def skip_lost_sequences(client: Client, api: JetStream, stream: str) -> bool:
    """Let the stream give no sequence again that one of its consumers has had; whether any were missing."""
    consumers = await api.every_consumer(stream)
    furthest = max((one["delivered"]["stream_seq"] for one in consumers), default=0)
    last = await _last_sequence(api, stream)
    if furthest <= last:
        return False
    log.error(
        "messages are missing in the stream %r of the queue at %s: its groups have been given %d, and the "
        "newest that it has now is %d. Its files were damaged, or an older copy was put back. What is "
        "missing and was not handled is lost; what comes from now on is handled",
        stream,
        client.address.shown,
        furthest,
        last,
    )
    if stream == topology.EVENTS:
        await _use_up(client, api, last, furthest)
        return True
    # All that a work queue has is to be handled, so its consumer may begin anew.
    for one in consumers:
        await api.call(f"CONSUMER.DELETE.{stream}.{one['name']}")
    return True


async def _use_up(client: Client, api: JetStream, last: int, upto: int) -> None:
    """Use up these sequences of the events, with notes that are delivered to nobody.

    Raises what the server says where it takes none, and QueueUnavailable where it does not count them.
    """
    note = pub(topology.EVENTS_PING.encode(), b"")
    while last < upto:
        await api.purge(topology.EVENTS, topology.EVENTS_PING)
        await _store_note(api)
        if rest := min(NOTES_AT_ONCE, upto - last) - 1:
            client.write(note * rest)
            await client.flush(NOTES_SECONDS)
        former, last = last, await _last_sequence(api, topology.EVENTS)
        if last <= former:
            raise QueueUnavailable(
                f"the stream {topology.EVENTS!r} does not go on from {former}, though it takes messages"
            )
    await api.purge(topology.EVENTS, topology.EVENTS_PING)


async def _store_note(api: JetStream) -> None:
    """One that is confirmed: of the others it is not heard why they are refused."""
    try:
        await api.store(topology.EVENTS_PING)
    except ApiError as error:
        if error.code not in NO_ROOM:
            raise
        raise QueueFull(
            f"the stream {topology.EVENTS!r} was rolled back, and there is no room to let it go on from "
            f"where its groups are: {error} ({NO_ROOM[error.code]}); make room"
        ) from error


async def _last_sequence(api: JetStream, stream: str) -> int:
    last: int = (await api.call(f"STREAM.INFO.{stream}"))["state"]["last_seq"]
    return last


async def skip_lost_sequences_at(url: str) -> None:
    """The same for every stream of the server at this address. For its owner, before others come."""
    options = QueueOptions(patience=NOTES_SECONDS)
    client = Client(parse_address(url, options.setting), options)
    await client.open()
    try:
        api = JetStream(client, NOTES_SECONDS)
        for name in await api.listed("STREAM.NAMES", "streams"):
            await skip_lost_sequences(client, api, name)
    finally:
        await client.close()
