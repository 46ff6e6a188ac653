"""What JetStream answers, in our own errors."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from dovetail import DovetailError, MessageTooLarge, QueueFull, QueueUnavailable
from dovetail.delivery import Outgoing
from dovetail.transports.nats.api_errors import ApiError
from dovetail.transports.nats.client import Client
from dovetail.transports.nats.confirmations import Confirmations
from dovetail.transports.nats.jetstream import JetStream
from dovetail.transports.nats.protocol import ServerInfo
from dovetail.transports.nats.publisher import Publisher

MESSAGE, HEADERS = Outgoing("event", "events.x", b"body", "id-1"), b"headers"


class Prepared:
    """Remembers what a publisher asked for."""

    def __init__(self) -> None:
        self.subjects: list[str] = []
        self.full = 0
        loop = asyncio.get_running_loop()
        self.deadline = loop.time() + 5
        address = SimpleNamespace(shown="nats://host:1")
        client = SimpleNamespace(on_connected=[], address=address, loop=loop, info=ServerInfo())
        self.publisher = Publisher(
            cast(Client, client), 5, self._prepare, self._on_full, self._largest
        )

    async def accepted(self, headers: bytes | None, body: bytes) -> bool:
        return await self.publisher._accepted((MESSAGE, HEADERS), (headers, body), self.deadline)

    async def _prepare(self, message: Outgoing) -> None:
        self.subjects.append(message.subject)

    def _on_full(self, size: int) -> None:
        self.full += 1

    async def _largest(self, stream: str) -> int:
        return {"s": 10}[stream]


def refusal(code: int, err_code: int, description: str = "words") -> bytes:
    error = {"code": code, "err_code": err_code, "description": description}
    return msgspec.json.encode({"error": error, "stream": "s", "seq": 0})


@pytest.mark.parametrize(
    "end", [b'"seq":7}', b'"seq":7,"duplicate":true}', b'"domain":"d","seq":7}']
)
async def test_confirmation(end: bytes) -> None:
    confirmations = Confirmations(b"_INBOX.x")
    inbox, coming = confirmations.expect(b"events.x", 5)
    for headers, body in ((None, b"yes"), (b"NATS/1.0\r\nA: 1\r\n\r\n", b""), (None, b'{"error":')):
        confirmations.arrived(inbox, b"", headers, body)
        assert not coming.done()
    confirmations.arrived(inbox, b"", None, b'{"stream":"dovetail-events",' + end)
    assert coming.result() is None


@pytest.mark.parametrize("err_code", [10077, 10023, 10047, 10028, 10002])
async def test_no_room(err_code: int) -> None:
    prepared = Prepared()
    with pytest.raises(QueueFull, match=r"full: words \(.+\); nothing was accepted") as caught:
        await prepared.accepted(None, refusal(503, err_code))
    assert caught.value.id == "id-1"
    assert prepared.full == 1


@pytest.mark.parametrize(
    ("code", "err_code"),
    [(503, 10008), (503, 10009), (500, 10118), (500, 10119), (429, 10167), (503, 1)],
)
async def test_not_ready_is_tried_again(code: int, err_code: int) -> None:
    assert not await Prepared().accepted(None, refusal(code, err_code))


async def test_over_the_streams_limit() -> None:
    says = "has 11 bytes, the queue takes 10 at most \\(max_msg_size of the stream 's'\\)"
    with pytest.raises(MessageTooLarge, match=says) as caught:
        await Prepared().accepted(None, refusal(400, 10054))
    assert caught.value.id == "id-1"


async def test_any_other_refusal() -> None:
    with pytest.raises(QueueUnavailable, match="refused the message: words") as caught:
        await Prepared().accepted(None, refusal(400, 10060))
    assert caught.value.id == "id-1"


async def test_no_stream_is_made_and_tried_again() -> None:
    prepared = Prepared()
    assert not await prepared.accepted(b"NATS/1.0 503\r\n\r\n", b"")
    assert prepared.subjects == ["events.x"]


@pytest.mark.parametrize(
    ("err_code", "expected"),
    [(10059, ApiError), (10039, QueueUnavailable), (10076, QueueUnavailable)],
)
async def test_api_refuses(
    monkeypatch: pytest.MonkeyPatch, err_code: int, expected: type[DovetailError]
) -> None:
    api = JetStream(cast(Client, SimpleNamespace(address=SimpleNamespace(shown="nats://h:1"))), 5)

    async def answer(*_: Any) -> tuple[bytes, bool]:
        return refusal(400, err_code), False

    monkeypatch.setattr(api, "_ask", answer)
    with pytest.raises(expected, match="words") as caught:
        await api.call("STREAM.INFO.x")
    assert type(caught.value) is expected
