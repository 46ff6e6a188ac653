"""The NATS protocol, however the network cuts it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dovetail.network.protocol import ConnectionLost
from dovetail.transports.nats.wire import Wire

INFO = b'INFO {"version":"2.11.3-beta","max_payload":1048576,"headers":true,"jetstream":true}\r\n'
GREETING = INFO + b"PONG\r\n"
HEADERS = b"NATS/1.0\r\nNats-Msg-Id: 1\r\n\r\n"


@dataclass
class Peer(asyncio.Transport):
    """The other end: remembers what was written to it."""

    written: bytearray = field(default_factory=bytearray)
    aborted: bool = False

    def write(self, data: Any) -> None:
        self.written += data

    def abort(self) -> None:
        self.aborted = True

    def close(self) -> None: ...


Message = tuple[bytes, bytes, bytes | None, bytes]


def run(chunks: list[bytes]) -> tuple[list[Message], bytes, Wire]:
    """What a wire makes of these chunks: messages of subscription 1, what it wrote, and itself."""

    async def feed() -> tuple[list[Message], bytes, Wire]:
        messages: list[Message] = []
        wire, peer = Wire(), Peer()
        wire.connection_made(peer)
        wire.callbacks[b"1"] = lambda *message: messages.append(message)
        for chunk in chunks:
            wire.data_received(chunk)
        await asyncio.sleep(0)
        return messages, bytes(peer.written), wire

    return asyncio.run(feed())


def msg(subject: bytes, payload: bytes, *, sid: bytes = b"1", reply: bytes = b"") -> bytes:
    words = [b"MSG", subject, sid, *([reply] if reply else []), b"%d" % len(payload)]
    return b" ".join(words) + b"\r\n" + payload + b"\r\n"


def hmsg(subject: bytes, payload: bytes, *, reply: bytes = b"") -> bytes:
    sizes = [b"%d" % len(HEADERS), b"%d" % (len(HEADERS) + len(payload))]
    words = [b"HMSG", subject, b"1", *([reply] if reply else []), *sizes]
    return b" ".join(words) + b"\r\n" + HEADERS + payload + b"\r\n"


STREAM = b"".join(
    [
        INFO,
        b"PING\r\n",
        b"PONG\r\n",
        msg(b"a.b", b"hello"),
        msg(b"a", b"", reply=b"_INBOX.x"),
        b"+OK\r\n",
        msg(b"a", b"\r\nMSG a 1 3\r\nabc\r\n"),
        msg(b"elsewhere", b"of a subscription that ended", sid=b"2"),
        hmsg(b"a.h", b"body"),
        hmsg(b"a.h", b"", reply=b"r"),
        b"-ERR 'Slow Consumer'\r\n",
        msg(b"z", b"last"),
    ]
)
MESSAGES: list[Message] = [
    (b"a.b", b"", None, b"hello"),
    (b"a", b"_INBOX.x", None, b""),
    (b"a", b"", None, b"\r\nMSG a 1 3\r\nabc\r\n"),
    (b"a.h", b"", HEADERS, b"body"),
    (b"a.h", b"r", HEADERS, b""),
    (b"z", b"", None, b"last"),
]


def check(chunks: list[bytes]) -> None:
    messages, written, wire = run(chunks)
    assert messages == MESSAGES
    assert written == b"PONG\r\n"
    assert wire.last_error == "Slow Consumer"
    assert wire.info.result().version_numbers == (2, 11, 3)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 64, len(STREAM)])
def test_chunks_of_one_size(size: int) -> None:
    check([STREAM[start : start + size] for start in range(0, len(STREAM), size)])


def test_every_place_to_cut_it_in_two() -> None:
    for cut in range(len(STREAM) + 1):
        check([STREAM[:cut], STREAM[cut:]])


@settings(max_examples=300)
@given(st.lists(st.integers(0, len(STREAM)), max_size=30))
def test_any_cuts(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    check([STREAM[start:stop] for start, stop in pairwise(edges)])


@given(
    st.lists(st.tuples(st.binary(max_size=200), st.booleans()), max_size=20),
    st.lists(st.integers(0, 1000), max_size=20),
)
def test_any_payloads_and_cuts(payloads: list[tuple[bytes, bool]], sizes: list[int]) -> None:
    stream = GREETING + b"".join(
        hmsg(b"s", body) if with_headers else msg(b"s", body) for body, with_headers in payloads
    )
    chunks = []
    for size in sizes:
        chunks.append(stream[:size])
        stream = stream[size:]
    messages, _, _ = run([*chunks, stream])
    assert messages == [
        (b"s", b"", HEADERS if with_headers else None, body) for body, with_headers in payloads
    ]


def test_large_message_in_many_chunks() -> None:
    body = bytes(range(256)) * 4096
    stream = GREETING + msg(b"s", body) + msg(b"s", b"next")
    chunks = [stream[start : start + 1000] for start in range(0, len(stream), 1000)]
    messages, _, _ = run(chunks)
    assert [payload for *_, payload in messages] == [body, b"next"]


@pytest.mark.parametrize(
    "chunks",
    [
        [b"HTTP/1.1 400 Bad Request\r\n", b"\r\n"],
        [b"H", b"TTP/1.1 400 Bad Request\r\n\r\n"],
        [b"MSG a 1 0\r\n\r\n"],
        [b"220 mail.example.org ESMTP\r\n"],
        [b"INFO {}\r\nWHAT\r\n"],
        [b"INFO {\r\n"],
        [b"INFO \x80\r\n"],
        [b'INFO {"a":' + b"[" * 20_000 + b"\r\n"],
        [INFO, msg(b"a", b"before we were signed in")],
        [GREETING, b"MSG a 1\r\n"],
        [GREETING, b"MSG a 1 r r 1\r\n"],
        [GREETING, b"MSG a 1 one\r\n"],
        [GREETING, b"MSG a 1 -1\r\n"],
        [GREETING, b"MSG a 1 2\r\nlonger\r\n"],
        [GREETING, b"MSG a 1 999999999\r\n"],
        [GREETING, b"HMSG a 1 5 4\r\n"],
        [GREETING, b"HMSG 1\r\n"],
        [GREETING, b"x" * 200_000],
    ],
)
def test_other_protocol(chunks: list[bytes]) -> None:
    messages, _, wire = run(chunks)
    assert messages == []
    assert wire._why == "it does not speak the NATS protocol"
    assert cast(Peer, wire._transport).aborted


def test_pings_are_answered_in_order_and_fail_when_the_connection_ends() -> None:
    async def ping() -> None:
        wire = Wire()
        wire.connection_made(Peer())
        first, second = asyncio.ensure_future(wire.ping()), asyncio.ensure_future(wire.ping())
        await asyncio.sleep(0)
        wire.data_received(INFO + b"PONG\r\n")
        await first
        assert not second.done()
        wire.connection_lost(None)
        with pytest.raises(ConnectionLost, match="closed by the server"):
            await second
        with pytest.raises(ConnectionLost, match="is closed"):
            await wire.ping()

    asyncio.run(ping())


def test_writes_of_one_turn_go_out_together() -> None:
    async def write() -> None:
        wire, peer = Wire(), Peer()
        wire.connection_made(peer)
        wire.write(b"a")
        wire.write(b"b")
        assert peer.written == b""
        await asyncio.sleep(0)
        assert peer.written == b"ab"
        wire.write(b"c")
        wire.close()  # writes what waits
        assert peer.written == b"abc"

    asyncio.run(write())
