"""Which members run: each answers who asks for that."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from dovetail.errors import NobodyListening
from dovetail.status import Members
from dovetail.transports.nats import topology
from dovetail.transports.nats.client import Client
from dovetail.transports.nats.groups import group_consumers
from dovetail.transports.nats.jetstream import JetStream
from dovetail.transports.nats.limits import MEMBERS_SECONDS
from dovetail.transports.nats.permissions import NotPermitted
from dovetail.transports.nats.protocol import pub
from dovetail.transports.nats.requests import asking

_EVENTS = f"{topology.EVENTS}."


class MemberAnswer:
    """Answers for one member, with the name of its stream and consumer, as `<stream>.<consumer>`."""

    def __init__(self, client: Client, consumer: str) -> None:
        self._client = client
        self._consumer = consumer.encode()
        self._sid = client.subscribe(topology.MEMBERS.encode(), self._asked)
        client.refusals.listeners.append(_refused)

    def end(self) -> None:
        """Not there any more."""
        self._client.forget(self._sid)
        self._client.refusals.listeners.remove(_refused)

    def _asked(self, subject: bytes, reply: bytes, headers: bytes | None, payload: bytes) -> None:
        if reply:
            self._client.write(pub(reply, self._consumer))


def _refused(refusal: NotPermitted) -> bool:
    """That a member cannot be counted does no harm."""
    return refusal.verb == "subscription" and refusal.subject == topology.MEMBERS


async def members(client: Client, api: JetStream) -> list[Members]:
    """As Transport.members."""
    answering, consumers = await asyncio.gather(_answering(client), group_consumers(api))
    listed = {f"{stream}.{info['name']}" for stream, info in consumers}
    unserved = [
        one for one in answering if one not in listed and one.startswith(_EVENTS) and "=" in one
    ]
    return [
        *(_members(stream, info, answering) for stream, info in consumers),
        *(_of_unserved(one, answering[one]) for one in unserved),
    ]


async def _answering(client: Client) -> Counter[str]:
    """How many members answer, by `<stream>.<consumer>`."""
    found: Counter[str] = Counter()
    try:
        async with asking(client, topology.MEMBERS, b"", MEMBERS_SECONDS) as answers:
            async for _, name in answers:
                found[name.decode(errors="replace")] += 1
    except NobodyListening:
        pass
    return found


def _of_unserved(consumer: str, running: int) -> Members:
    """They run, though no server can tell of their consumer now."""
    group, subject = topology.split_consumer(consumer.removeprefix(_EVENTS))
    return Members(group=group, subject=subject, kind="event", running=running, seen=None)


def _members(stream: str, info: Mapping[str, Any], answering: Mapping[str, int]) -> Members:
    group, subject = topology.split_consumer(info["name"])
    # Members of older versions do not answer; most of the time they have asked for messages.
    running = max(answering[f"{stream}.{info['name']}"], int(info["num_waiting"] > 0))
    times = [info[part].get("last_active") for part in ("delivered", "ack_floor")]
    seen = max((msgspec.convert(one, datetime) for one in times if one), default=None)
    return Members(
        group=group, subject=subject, kind=topology.kind_of(stream), running=running, seen=seen
    )
