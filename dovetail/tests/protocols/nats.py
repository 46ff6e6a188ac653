"""The NATS protocol, for the tests that cut and garble what servers send."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from hypothesis import strategies as st

from dovetail.transports.nats.protocol import OnMessage, Parser, ServerInfo

NAME = "nats"

_INFO = (
    b'INFO {"server_id":"N","server_name":"test","version":"2.15.1","proto":1,"headers":true,'
    b'"max_payload":1048576,"jetstream":true,"client_id":6,"api_lvl":5} \r\n'
)
_OPEN = _INFO + b"PONG\r\n" + _INFO

#: Recorded from nats-server 2.15.1.
STREAMS = [
    _INFO + b"-ERR 'Authorization Violation'\r\n",
    # A request that nobody hears, a confirmation, live messages.
    _OPEN
    + b"HMSG _I.1 1 44 44\r\nNATS/1.0 503\r\nNats-Subject: nobody.there\r\n\r\n\r\n"
    + b'MSG _I.2 1 22\r\n{"stream":"s","seq":1}\r\n'
    + b"MSG live.a 2 18\r\n\r\nMSG a 1 3\r\nabc\r\n\r\n"
    + b"MSG live.a 2 0\r\n\r\n"
    + b"MSG live.b 2 _I.5 2\r\nhi\r\n",
    # A pull request: one message, a heartbeat, its end.
    _OPEN
    + b"PING\r\n"
    + b"HMSG e.x 1 $JS.ACK.s.c.1.1.1.1796016753449725413.0 28 33\r\n"
    + b"NATS/1.0\r\nNats-Msg-Id: 1\r\n\r\nhello\r\n"
    + b"HMSG _I.3 1 75 75\r\nNATS/1.0 100 Idle Heartbeat\r\n"
    + b"Nats-Last-Consumer: 1\r\nNats-Last-Stream: 1\r\n\r\n\r\n"
    + b"HMSG _I.3 1 81 81\r\nNATS/1.0 408 Request Timeout\r\n"
    + b"Nats-Pending-Messages: 2\r\nNats-Pending-Bytes: 0\r\n\r\n\r\n"
    + b"-ERR 'Unknown Protocol Operation'\r\n",
    _OPEN + b"PONG\r\n+OK\r\nPING\r\n-ERR 'Stale Connection'\r\n",
]


class _Log:
    """What is not a message."""

    def __init__(self, log: list[tuple[Any, ...]]) -> None:
        self._log = log

    def on_info(self, info: ServerInfo) -> None:
        self._log.append(("info", info.version, info.max_payload))

    def on_ping(self) -> None:
        self._log.append(("ping",))

    def on_pong(self) -> None:
        self._log.append(("pong",))

    def on_error(self, text: str) -> None:
        self._log.append(("error", text))


class _Callbacks(dict[bytes, OnMessage]):
    """There is every subscription."""

    def __init__(self, log: list[tuple[Any, ...]]) -> None:
        super().__init__()
        self._log = log

    def get(self, sid: bytes, default: Any = None) -> Any:
        return partial(self._arrived, sid)

    def _arrived(
        self, sid: bytes, subject: bytes, reply: bytes, headers: bytes | None, body: bytes
    ) -> None:
        self._log.append(("message", sid, subject, reply, headers, body))


def new(log: list[tuple[Any, ...]]) -> Callable[[bytes], None]:
    """A connection that has just begun; what comes out of it goes to the log."""
    parser = Parser(_Log(log))
    parser.callbacks = _Callbacks(log)
    return parser.feed


_words = st.text("abcXYZ019_.$>*-", min_size=1, max_size=30).map(str.encode)
_payloads = st.binary(max_size=300)
_lines = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="'"), max_size=40
)


@st.composite
def _messages(draw: st.DrawFn) -> bytes:
    words = [draw(_words), b"%d" % draw(st.integers(1, 99))]
    if draw(st.booleans()):
        words.append(draw(_words))
    body = draw(_payloads)
    if draw(st.booleans()):
        return b"MSG %s %d\r\n%s\r\n" % (b" ".join(words), len(body), body)
    headers = b"NATS/1.0\r\n" + draw(_payloads)
    sizes = (len(headers), len(headers) + len(body))
    return b"HMSG %s %d %d\r\n%s%s\r\n" % (b" ".join(words), *sizes, headers, body)


def streams() -> st.SearchStrategy[bytes]:
    """What a server may send once we are signed in, with what comes before that."""
    errors = _lines.map(lambda text: b"-ERR '%s'\r\n" % text.encode())
    others = st.sampled_from([b"PING\r\n", b"PONG\r\n", b"+OK\r\n", _INFO])
    frames = st.one_of(_messages(), errors, others)
    return st.lists(frames, max_size=20).map(lambda sent: _OPEN + b"".join(sent))
