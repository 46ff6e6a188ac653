"""Redis, as far as our transport uses it: streams, sorted sets, Lua scripts, Pub/Sub, RESP3.

Left out: TLS, users, clusters, sentinels, replicas, limits of memory, and all commands that are not sent.
"""

from __future__ import annotations

from simulation.servers.redis.server import FakeRedis

__all__ = ["FakeRedis"]
