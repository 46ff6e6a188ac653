"""Redis by redis-cli."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dovetail.testing.conformance.waiting import LIMIT_SECONDS, Seen
from dovetail.testing.servers import RedisServer
from dovetail.transports.redis.topology import events_of

from ..faults.redis_cli import printing, redis_cli  # noqa: TID252 - tests have no absolute names
from .foreign import Message, Read

#: What redis-cli prints for a message that SUBSCRIBE gives: a word, the channel, the body.
_LINES = 3


@asynccontextmanager
async def over_redis(server: RedisServer) -> AsyncIterator[OverRedis]:
    """redis-cli connects for each command."""
    yield OverRedis(server)


class OverRedis:
    """As Foreign. Bodies to be read are one line of text each: that is what redis-cli prints well."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server

    async def store(self, subject: str, message: Message) -> None:
        fields = [word for field in message.headers.items() for word in field]
        await redis_cli(
            self._server, "XADD", events_of(subject), "*", *fields, "body", stdin=message.body
        )

    @asynccontextmanager
    async def reading(self, subject: str) -> AsyncIterator[Read]:
        after = "0"

        async def read(count: int) -> list[Message]:
            nonlocal after
            found: list[Message] = []
            while len(found) < count:
                said = await redis_cli(
                    self._server,
                    *("--json", "XREAD", "COUNT", str(count - len(found))),
                    *(
                        "BLOCK",
                        str(int(LIMIT_SECONDS * 1000)),
                        "STREAMS",
                        events_of(subject),
                        after,
                    ),
                )
                [(_, entries)] = json.loads(said).items()
                after = entries[-1][0]
                found += [_message(fields) for _, fields in entries]
            return found

        yield read

    async def tell(self, subject: str, body: bytes) -> None:
        await redis_cli(self._server, "PUBLISH", subject, stdin=body)

    @asynccontextmanager
    async def hearing(self, subject: str) -> AsyncIterator[Seen[bytes]]:
        heard = Seen[bytes]()

        async def hear(lines: asyncio.StreamReader) -> None:
            while True:
                heard.add([(await lines.readline()).rstrip(b"\n") for _ in range(_LINES)][-1])

        async with printing(self._server, "SUBSCRIBE", subject) as lines:
            async with asyncio.timeout(LIMIT_SECONDS):
                while await lines.readline() != b"1\n":  # it listens
                    pass
            task = asyncio.create_task(hear(lines))
            yield heard
            task.cancel()
            await asyncio.wait([task])


def _message(fields: list[str]) -> Message:
    table = dict(zip(fields[::2], fields[1::2], strict=True))
    return Message(table.pop("body").encode(), table)
