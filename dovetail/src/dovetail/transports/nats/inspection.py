"""Reading what is stored: status, messages that wait, and whether the server takes more."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

import msgspec

from dovetail.codec.envelope import Received, received
from dovetail.codec.subjects import matches
from dovetail.errors import QueueFull, QueueUnavailable
from dovetail.status import GroupStatus, QueueStatus
from dovetail.transports.common.store_room import Room
from dovetail.transports.nats import topology
from dovetail.transports.nats.claims import Claims
from dovetail.transports.nats.client import Client
from dovetail.transports.nats.dead_letters import DeadLetterStore
from dovetail.transports.nats.groups import group_consumers
from dovetail.transports.nats.jetstream import JetStream
from dovetail.transports.nats.publisher import Publisher
from dovetail.transports.nats.stream_reader import TIME_STAMP, StreamReader


class Inspection:
    """Answers questions about the streams; changes nothing."""

    def __init__(
        self,
        client: Client,
        api: JetStream,
        reader: StreamReader,
        dead_letters: DeadLetterStore,
        claims: Claims,
    ) -> None:
        self._client = client
        self._api = api
        self._reader = reader
        self._dead_letters = dead_letters
        self._claims = claims

    async def status(self) -> QueueStatus:
        streams = {
            stream["config"]["name"]: stream
            for stream in await self._api.listed("STREAM.LIST", "streams")
        }
        dead = await self._dead_letters.counts()
        account = await self._api.call("INFO")
        noted = await self._claims.noted()
        consumers = await group_consumers(self._api)
        groups = [await self._group(stream, info, dead) for stream, info in consumers]
        listed = {info["name"] for stream, info in consumers if stream == topology.EVENTS}
        groups += [await self._unserved(name, dead) for name in sorted(noted - listed)]
        ours = [
            stream
            for name, stream in streams.items()
            if name == topology.EVENTS or topology.command_of(name) is not None
        ]
        limits = [account.get("limits", {}).get("max_storage", -1)]
        if topology.EVENTS in streams:
            limits.append(streams[topology.EVENTS]["config"]["max_bytes"])
        return QueueStatus(
            transport="nats",
            address=self._client.address.shown,
            server=f"nats-server {self._client.info.version}",
            messages=sum(stream["state"]["messages"] for stream in ours),
            bytes=sum(stream["state"]["bytes"] for stream in ours),
            limit_bytes=min((limit for limit in limits if limit > 0), default=None),
            dead_letters=sum(dead.values()),
            groups=groups,
            estimated=any(one.estimates for one in groups),
        )

    async def waiting(self, subject: str, group: str, most: int) -> Sequence[Received]:
        consumer = await self._api.consumer(topology.EVENTS, topology.consumer_of(group, subject))
        sequence = 1
        if consumer is not None:
            if not consumer["num_pending"] and not consumer["num_ack_pending"]:
                return []
            sequence = consumer["ack_floor"]["stream_seq"] + 1
        elif await self._api.stream(topology.EVENTS) is None:
            return []
        replays = topology.replay_subject(group, subject, ">")
        published, replayed = await asyncio.gather(
            self._reader.following(topology.EVENTS, subject, sequence, most),
            self._reader.following(topology.EVENTS, replays, sequence, most),
        )
        # A pattern may match what is replayed to any group.
        found = [one for one in published if not one.subject.startswith(topology.REPLAY)] + replayed
        found.sort(key=attrgetter("sequence"))
        return [
            received(topology.original_subject(one.subject), one.body, one.headers)
            for one in found[:most]
        ]

    async def _group(
        self, stream: str, info: Mapping[str, Any], dead: Mapping[str, int]
    ) -> GroupStatus:
        group, subject = topology.split_consumer(info["name"])
        oldest = None
        if info["num_pending"] or info["num_ack_pending"]:
            heard = subject if stream == topology.EVENTS else ">"
            oldest = await self._published(stream, info["ack_floor"]["stream_seq"] + 1, heard)
        return GroupStatus(
            group=group,
            subject=subject,
            kind=topology.kind_of(stream),
            waiting=info["num_pending"],
            in_hand=info["num_ack_pending"],
            dead=sum(count for name, count in dead.items() if _belongs(name, group, subject)),
            oldest=oldest,
        )

    async def _unserved(self, consumer: str, dead: Mapping[str, int]) -> GroupStatus:
        """Nobody knows now how far this one has come: all that is kept may wait for it."""
        group, subject = topology.split_consumer(consumer)
        stream = await self._api.stream(topology.EVENTS, subject)
        kept = (stream["state"].get("subjects") if stream else None) or {}
        return GroupStatus(
            group=group,
            subject=subject,
            kind="event",
            waiting=sum(kept.values()),
            in_hand=0,
            dead=sum(count for name, count in dead.items() if _belongs(name, group, subject)),
            estimates=("waiting", "in_hand"),
        )

    async def _published(self, stream: str, sequence: int, subject: str) -> datetime | None:
        found = await self._reader.message(stream, {"seq": sequence, "next_by_subj": subject})
        stamp = found.headers.get(TIME_STAMP) if found else None
        return msgspec.convert(stamp, datetime) if stamp else None


def _belongs(name: str, group: str, subject: str) -> bool:
    from_group, _, from_subject = name.partition(".")
    return from_group == group and matches(subject, from_subject)


class Ping:
    """Stores a note, which takes the place of the one before, and compares the events with their limits."""

    def __init__(self, client: Client, api: JetStream, publisher: Publisher, room: Room) -> None:
        self._client = client
        self._api = api
        self._publisher = publisher
        self._room = room

    async def ping(self, timeout: float) -> None:
        try:
            async with asyncio.timeout(timeout):
                await self._check_events()
                # What the server and the account have no room for, or the disk, is seen only by writing.
                await self._write(topology.PING, timeout / 3)
                if self._publisher.unconfirmed:
                    # The server gives up each stream by itself; the notes go to another one.
                    await self._write(topology.EVENTS_PING, timeout / 3)
                    self._publisher.unconfirmed = False
                    await self._api.purge(topology.EVENTS, topology.EVENTS_PING)
        except TimeoutError as error:
            raise self._client.unavailable() from error

    async def _write(self, subject: str, timeout: float) -> None:
        try:
            await self._publisher.publish(subject, b"", timeout=timeout)
        except QueueUnavailable as error:
            if not self._client.connected:
                raise
            raise QueueFull(
                f"the queue at {self._client.address.shown} answers and stores nothing: its disk is full, "
                "or was; a server of your own has to be restarted then, the embedded one does it by itself"
            ) from error

    async def _check_events(self) -> None:
        stream = await self._api.stream(topology.EVENTS)
        if stream is None:  # nothing was published yet
            return
        most_bytes, most = stream["config"]["max_bytes"], stream["config"]["max_msgs"]
        messages = stream["state"]["messages"]
        self._room.check(stream["state"]["bytes"], most_bytes if most_bytes > 0 else None)
        if 0 < most <= messages:
            raise QueueFull(f"the queue's store is full ({messages} of {most} messages)")
