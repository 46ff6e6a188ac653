"""Settings of the server that take promises away are said when a queue connects, or refused."""

from __future__ import annotations

import logging

from dovetail.errors import ConfigurationError, QueueError, QueueUnavailable
from dovetail.transports.redis.client import Client
from dovetail.transports.redis.inspection import server_info

log = logging.getLogger("dovetail.redis")


async def check_settings(client: Client, setting: str) -> None:
    """Raises ConfigurationError, naming our `setting`, where the server throws messages away."""
    info = await server_info(client, "memory", "persistence")
    shown = client.address.shown
    _check_memory(info, shown, setting)
    if info.get("aof_enabled") == "0":
        log.warning(
            "the queue at %s has no append-only file: a restart loses messages; set appendonly to yes",
            shown,
        )
    elif await _appendfsync(client) == b"everysec":
        log.warning(
            "the queue at %s has appendfsync everysec: if its machine loses power, or it is killed while its "
            "disk is slow, up to two seconds of what it confirmed are lost; set appendfsync to always",
            shown,
        )


def _check_memory(info: dict[str, str], shown: str, setting: str) -> None:
    policy = info.get("maxmemory_policy", "noeviction")
    if info.get("maxmemory", "0") == "0":
        return
    if policy.startswith("allkeys"):
        raise ConfigurationError(
            f"the queue at {shown} ({setting}) throws messages away when its memory is full: set its "
            f"maxmemory-policy to noeviction, it is {policy}",
            setting=setting,
        )
    if policy.startswith("volatile"):
        log.warning(
            "the queue at %s forgets ids when its memory is full, so that what is published again under "
            "the same id may come twice: set its maxmemory-policy to noeviction, it is %s",
            shown,
            policy,
        )


async def _appendfsync(client: Client) -> bytes | None:
    try:
        found = await client.run("CONFIG", "GET", "appendfsync")
    except QueueUnavailable:
        raise
    except (ConfigurationError, QueueError):
        return None  # many an operator lets nobody ask; nothing else depends on it
    return dict(found).get(b"appendfsync")
