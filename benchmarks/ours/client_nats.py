"""Our NATS client, used as the transport uses it: pull requests, and all of a batch asked in one turn."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from benchmarks.clients.measured import AHEAD, GROUP, Arrivals, Handle, bodies, decode
from benchmarks.content import STREAM, SUBJECT, item_id
from dovetail.options import QueueOptions
from dovetail.transports.nats.address import parse_address
from dovetail.transports.nats.client import Client

LIMIT_SECONDS = 10.0
#: Pull requests under way, so that the server never waits for the next.
PULLS = 3
TO = SUBJECT.encode()


async def connect(url: str, variant: str) -> OursOnNats:
    """Connected."""
    client = Client(parse_address(url, "url"), QueueOptions())
    await client.open()
    return OursOnNats(client)


class OursOnNats:
    """As Measured."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + LIMIT_SECONDS

    async def _manage(self, subject: str, **request: Any) -> None:
        asked = f"$JS.API.{subject}".encode(), json.dumps(request).encode()
        _accepted(await self._client.request(*asked, self._deadline()))

    async def prepare(self) -> None:
        """As Measured.prepare."""
        await self._manage(f"STREAM.CREATE.{STREAM}", name=STREAM, subjects=[SUBJECT])

    async def publish(self, first: int, count: int) -> None:
        """As Measured.publish."""
        deadline = self._deadline()
        wire = self._client.open_wire or await self._client.ready(deadline)
        answers = [
            self._client.store(wire, TO, body, _id_header(first + at), deadline)
            for at, body in enumerate(bodies(first, count))
        ]
        for answer in answers:
            _accepted(await answer)

    async def handle(self, count: int, handle: Handle) -> None:
        """As Measured.handle."""
        config = {
            "durable_name": GROUP,
            "ack_policy": "explicit",
            "max_ack_pending": 2 * PULLS * AHEAD,
        }
        consumer = f"CONSUMER.DURABLE.CREATE.{STREAM}.{GROUP}"
        await self._manage(consumer, stream_name=STREAM, config=config)
        client, inbox = self._client, self._client.new_inbox()
        arrivals: Arrivals[tuple[bytes, bytes]] = Arrivals()
        taken = 0

        def take(subject: bytes, reply: bytes, headers: bytes | None, payload: bytes) -> None:
            nonlocal taken
            taken += 1
            if taken % AHEAD == 0:
                client.write(pull)
            arrivals.put((reply, payload))

        async def use(message: tuple[bytes, bytes]) -> None:
            reply, payload = message
            await handle(decode(payload))
            client.write(b"PUB %s 0\r\n\r\n" % reply)

        pull = _pull(inbox)
        client.subscribe(inbox, take)
        for _ in range(PULLS):
            client.write(pull)
        await arrivals.each(count, use)

    async def close(self) -> None:
        """As Measured.close."""
        await self._client.close()


def _id_header(number: int) -> bytes:
    return b"NATS/1.0\r\nNats-Msg-Id: %s\r\n\r\n" % item_id(number).encode()


def _pull(inbox: bytes) -> bytes:
    request = json.dumps({"batch": AHEAD, "expires": 60_000_000_000}).encode()
    subject = f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{GROUP}".encode()
    return b"PUB %s %s %d\r\n%s\r\n" % (subject, inbox, len(request), request)


def _accepted(answer: tuple[bytes | None, bytes] | None) -> None:
    if answer is not None and (answer[0] is not None or b'"error"' in answer[1]):
        raise RuntimeError(f"refused: {answer}")
