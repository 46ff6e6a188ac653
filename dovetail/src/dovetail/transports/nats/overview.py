"""Reading what is stored: status, and messages that wait."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

import msgspec

from dovetail.envelope import Received, received
from dovetail.status import GroupStatus, QueueStatus
from dovetail.subjects import matches
from dovetail.transports.nats import layout
from dovetail.transports.nats.client import Client
from dovetail.transports.nats.jetstream import (
    CONSUMER_NOT_FOUND,
    STREAM_NOT_FOUND,
    TIME_STAMP,
    ApiError,
    JetStream,
)
from dovetail.transports.nats.letterbox import Letterbox


class Overview:
    """Answers questions about the streams; changes nothing."""

    def __init__(self, client: Client, api: JetStream, letterbox: Letterbox) -> None:
        self._client = client
        self._api = api
        self._letterbox = letterbox

    async def status(self) -> QueueStatus:
        """As Transport.status."""
        streams = [
            stream
            for stream in await self._api.listed("STREAM.LIST", "streams")
            if stream["config"]["name"] == layout.EVENTS
            or stream["config"]["name"].startswith(layout.command_stream(""))
        ]
        dead = await self._letterbox.counts()
        account = await self._api.call("INFO")
        limits = [account.get("limits", {}).get("max_storage", -1)]
        limits += [
            s["config"]["max_bytes"] for s in streams if s["config"]["name"] == layout.EVENTS
        ]
        return QueueStatus(
            transport="nats",
            address=self._client.address.shown,
            server=f"nats-server {self._client.info.version}",
            messages=sum(stream["state"]["messages"] for stream in streams),
            bytes=sum(stream["state"]["bytes"] for stream in streams),
            limit_bytes=min((limit for limit in limits if limit > 0), default=None),
            dead_letters=sum(dead.values()),
            groups=[
                row
                for stream in streams
                for row in await self._groups(stream["config"]["name"], dead)
            ],
        )

    async def waiting(self, subject: str, group: str, most: int) -> Sequence[Received]:
        """As Transport.waiting, for events."""
        sequence = 1
        try:
            info = await self._api.call(
                f"CONSUMER.INFO.{layout.EVENTS}.{layout.consumer_of(group, subject)}"
            )
            if not info["num_pending"] and not info["num_ack_pending"]:
                return []
            sequence = info["ack_floor"]["stream_seq"] + 1
        except ApiError as error:
            if error.code == STREAM_NOT_FOUND:
                return []
            if error.code != CONSUMER_NOT_FOUND:
                raise
        published, replayed = await asyncio.gather(
            self._api.following(layout.EVENTS, subject, sequence, most),
            self._api.following(
                layout.EVENTS, layout.replay_subject(group, subject, ">"), sequence, most
            ),
        )
        # A pattern may match what is replayed to any group.
        found = [one for one in published if not one.subject.startswith(layout.REPLAY)] + replayed
        found.sort(key=attrgetter("sequence"))
        return [
            received(layout.original_subject(one.subject), one.body, one.headers)
            for one in found[:most]
        ]

    async def _groups(self, stream: str, dead: dict[str, int]) -> list[GroupStatus]:
        return [
            await self._group(stream, info, dead)
            for info in await self._api.listed(f"CONSUMER.LIST.{stream}", "consumers")
            if "=" in info["name"]
        ]

    async def _group(self, stream: str, info: dict[str, Any], dead: dict[str, int]) -> GroupStatus:
        group, subject = layout.split_consumer(info["name"])
        oldest = None
        if info["num_pending"] or info["num_ack_pending"]:
            heard = subject if stream == layout.EVENTS else ">"
            oldest = await self._published(stream, info["ack_floor"]["stream_seq"] + 1, heard)
        return GroupStatus(
            group=group,
            subject=subject,
            kind="event" if stream == layout.EVENTS else "command",
            waiting=info["num_pending"],
            in_hand=info["num_ack_pending"],
            dead=sum(count for name, count in dead.items() if _belongs(name, group, subject)),
            oldest=oldest,
        )

    async def _published(self, stream: str, sequence: int, subject: str) -> datetime | None:
        found = await self._api.message(stream, {"seq": sequence, "next_by_subj": subject})
        stamp = found.headers.get(TIME_STAMP) if found else None
        return msgspec.convert(stamp, datetime) if stamp else None


def _belongs(name: str, group: str, subject: str) -> bool:
    from_group, _, from_subject = name.partition(".")
    return from_group == group and matches(subject, from_subject)
