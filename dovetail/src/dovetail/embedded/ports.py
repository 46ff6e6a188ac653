"""Ports: is one free, and which NATS server answers there."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import msgspec

from dovetail.errors import ConfigurationError

#: How long a server on this machine has for its greeting.
_GREETING_SECONDS = 1.0


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nothing listens on at this moment."""
    with socket.create_server((host, 0)) as server:
        return int(server.getsockname()[1])


def check_free(host: str, port: int, setting: str) -> None:
    """Raise ConfigurationError, naming the setting, where nothing can listen on this port."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        socket.create_server(address[:2], family=family).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError(
            f"cannot listen on port {port} of {host}: {reason}. Another program may be using it; "
            f"end that one, or set {setting} to a free port",
            setting=setting,
        ) from error


async def greeting(host: str, port: int) -> dict[str, Any] | None:
    """What a NATS server says of itself when it is connected to (its INFO); None if none answers."""
    try:
        async with asyncio.timeout(_GREETING_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                line = await reader.readline()
            finally:
                writer.close()
    except (OSError, ValueError):  # TimeoutError is an OSError; ValueError: a line without end
        return None
    try:
        return msgspec.json.decode(line.removeprefix(b"INFO "), type=dict[str, Any])
    except msgspec.DecodeError:
        return None
