"""Ports: is one free, and which NATS server answers there."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import socket
from collections import deque
from typing import Any

import msgspec

from dovetail.errors import ConfigurationError
from dovetail.network.os_errors import plain_error

# Below those that the kernel gives to outgoing connections: while a server is down, one of them could
# take its port, even the very client that tries to reach it.
_PORTS = range(15_000, 32_000)
_given: set[int] = set()

#: How many of the last ports other processes are kept from; each takes a file descriptor.
_KEPT = 200
_kept: deque[int] = deque()

#: How long a server on this machine has for its greeting.
_GREETING_SECONDS = 1.0


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nothing listens on at this moment, another one at each call, also in another process.

    Raises OSError where the host is not this machine's, or every port is taken.
    """
    return free_ports(1, host)


def free_ports(count: int, host: str = "127.0.0.1") -> int:
    """The first of so many such ports, one after another."""
    for first in random.sample(_PORTS, len(_PORTS)):
        ports = range(first, first + count)
        if _given.isdisjoint(ports) and all(_keep(host, port) for port in ports):
            _given.update(ports)
            return first
    raise OSError(errno.EADDRINUSE, "every port is taken")


def _keep(host: str, port: int) -> bool:
    """Whether the port was free; others leave it alone from now on.

    A server may take seconds until it listens. Until then the UDP port of the same number says that the
    port is given: the system lets one process have it, and takes it back when the process ends.
    """
    try:
        _listen(host, port).close()
        with socket.socket(_family(host), socket.SOCK_DGRAM) as mark:
            mark.bind((host, port))
            _kept.append(mark.detach())
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        return False
    if len(_kept) > _KEPT:
        os.close(_kept.popleft())
    return True


def check_free(host: str, port: int, setting: str) -> None:
    """Raise ConfigurationError, naming the setting, where nothing can listen on this port."""
    if not 0 <= port <= 65_535:
        raise ConfigurationError(f"{setting} is {port}; ports go from 0 to 65535", setting=setting)
    try:
        _listen(host, port).close()
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on port {port} of {host} ({plain_error(error)}); "
            f"end the program that uses it, or set {setting} to a free port",
            setting=setting,
        ) from error


def _listen(host: str, port: int) -> socket.socket:
    return socket.create_server((host, port), family=_family(host))


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


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
