"""The servers that the candidates run on, as they come: nothing is turned for speed."""

from __future__ import annotations

import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from dovetail.testing.servers import (
    NatsServer,
    PostgresServer,
    RabbitServer,
    RedisServer,
    Server,
)

#: One of each technology, by the scheme of its addresses.
QUEUES: dict[str, type[Server]] = {"nats": NatsServer, "redis": RedisServer, "amqp": RabbitServer}


@asynccontextmanager
async def queue_server(*, fsync: bool = False) -> AsyncIterator[NatsServer]:
    """A NATS server with an empty store; by default it leaves writing to the disk to the system."""
    with tempfile.TemporaryDirectory(prefix="dovetail-bench-") as folder:
        config = f"jetstream {{ store_dir: {json.dumps(folder)}, sync_interval: always }}"
        async with NatsServer(folder=Path(folder), config=config if fsync else "") as server:
            yield server


def database_server() -> PostgresServer:
    """A PostgreSQL server that writes every commit to the disk, as Debian's does."""
    return PostgresServer(fsync=True)
