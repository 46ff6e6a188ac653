"""Trims the history of events: only below what every group has handled, and then by age."""

from __future__ import annotations

from dovetail.limits import CROWDED
from dovetail.options import QueueOptions
from dovetail.transports.redis import limits
from dovetail.transports.redis.client import Client
from dovetail.transports.redis.inspection import server_info
from dovetail.transports.redis.topology import TAG

#: Longer than there are clocks: then nothing is trimmed, and what is stored is added up nevertheless.
_FOR_EVER_MILLISECONDS = 10**15


async def trim(client: Client, options: QueueOptions) -> None:
    """Drop what nobody is to handle any more, and forget members that are gone."""
    keep = await _milliseconds_to_keep(client, options)
    subjects = list(await client.run("SMEMBERS", f"{TAG}:subjects"))
    most = limits.TRIMMED_SUBJECTS_AT_ONCE
    for first in range(0, len(subjects), most):
        await client.script("trim", keep, *subjects[first : first + most])
    await client.script("tidy", limits.GONE_MILLISECONDS)


async def _milliseconds_to_keep(client: Client, options: QueueOptions) -> int:
    if options.keep is None:
        return _FOR_EVER_MILLISECONDS
    return 0 if await _is_crowded(client, options) else int(options.keep.total_seconds() * 1000)


async def _is_crowded(client: Client, options: QueueOptions) -> bool:
    said = await client.run("GET", f"{TAG}:bytes") or b""
    stored = int(said) if said.isdigit() else 0
    memory = await server_info(client, "memory")
    used, most = int(memory["used_memory"]), int(memory["maxmemory"])
    return 0 < (options.limit_bytes or 0) * CROWDED < stored or 0 < most * CROWDED < used
