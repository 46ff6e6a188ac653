"""The servers that the contenders run on, as they come: nothing is turned for speed."""

from __future__ import annotations

import socket

from dovetail.testing.servers import NatsServer, PostgresServer


def queue_server() -> NatsServer:
    """A NATS server with an empty store."""
    return NatsServer()


def database_server() -> PostgresServer:
    """A PostgreSQL server that writes every commit to the disk, as Debian's does."""
    return PostgresServer(fsync=True)


def free_port() -> int:
    """A port that nothing listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
