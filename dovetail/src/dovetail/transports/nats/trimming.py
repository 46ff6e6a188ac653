"""Trims the history of events: only below what every group has handled, and then by age.

JetStream's own limit by age would also drop what nobody has handled yet, so it is not used.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from dovetail import clock
from dovetail.codec.subjects import matches
from dovetail.limits import CROWDED
from dovetail.transports.nats import topology
from dovetail.transports.nats.claims import Claims
from dovetail.transports.nats.jetstream import JetStream


async def trim(
    api: JetStream, keep: timedelta, *, full: bool = False, claims: Claims | None = None
) -> None:
    """Purge each subject up to where all its groups have come, if that is older than `keep`.

    With `full`, or near a limit, whatever its age. Nothing of a subject goes while one of its groups is not
    served: nobody knows how far that has come.
    """
    claims = claims or Claims(api)
    info = await api.stream(topology.EVENTS, ">")
    if info is None:
        return
    if full or _crowded(info, await api.call("INFO")):
        newest = info["state"]["last_seq"]
    else:
        newest = await _last_before(api, clock.now() - keep)
    noted = await claims.noted()
    listed = await api.every_consumer(topology.EVENTS)
    # The passing ones are those by which processes look for the last sequence before a moment.
    consumers = [one for one in listed if one["config"].get("durable_name")]
    ours = {one["name"] for one in consumers if "=" in one["name"]}
    unserved = [topology.heard_by(one) for one in await claims.unserved(noted, ours)]
    metadata = info["config"].get("metadata") or {}
    released = [
        key.removeprefix(topology.RELEASED) for key in metadata if key.startswith(topology.RELEASED)
    ]
    for subject in info["state"].get("subjects") or {}:
        if any(matches(one, subject) for heard in unserved for one in heard):
            continue
        floors = [
            _floor(one, info["state"]["last_seq"]) for one in consumers if _hears(one, subject)
        ]
        if any(matches(pattern, subject) for pattern in released):
            floors.append(info["state"]["last_seq"])
        # Without any group, ever, the subject's messages are still waiting for the first.
        if floors and (upto := min(*floors, newest)) > 0:
            await api.purge(topology.EVENTS, subject, seq=upto + 1)


def _crowded(stream: dict[str, Any], account: dict[str, Any]) -> bool:
    """Whether a limit is near. That of the whole server is not told, except by refusing messages."""
    used_and_limits = (
        (stream["state"]["bytes"], stream["config"]["max_bytes"]),
        (account["storage"], account["limits"]["max_storage"]),
    )
    return any(0 < limit * CROWDED < used for used, limit in used_and_limits)


def _hears(consumer: dict[str, Any], subject: str) -> bool:
    config = consumer["config"]
    filters = config.get("filter_subjects") or [config.get("filter_subject", ">")]
    return any(matches(one, subject) for one in filters)


def _floor(consumer: dict[str, Any], last: int) -> int:
    """Up to which sequence this group has handled everything that it hears.

    With nothing pending that is all that it was given. `last` may be further: in a cluster the server that
    tells of the consumer may have yet to hear what was stored.
    """
    if not consumer["num_pending"] and not consumer["num_ack_pending"]:
        return min(last, int(consumer["delivered"]["stream_seq"]))
    return int(consumer["ack_floor"]["stream_seq"])


async def _last_before(api: JetStream, moment: datetime) -> int:
    """The last sequence stored before this moment; 0 where there is none.

    A consumer that starts at that time knows it; the server forgets the consumer by itself.
    """
    config = {
        "deliver_policy": "by_start_time",
        "opt_start_time": moment.isoformat(),
        "ack_policy": "none",
        "inactive_threshold": 5 * topology.SECOND,
        "mem_storage": True,
        "num_replicas": 1,
    }
    made = await api.call(
        f"CONSUMER.CREATE.{topology.EVENTS}", {"stream_name": topology.EVENTS, "config": config}
    )
    return int(made["delivered"]["stream_seq"])
