"""What a Redis server sends, for the tests that feed it to the protocol in all ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from dovetail.transports.redis.protocol import Protocol

NAME = "redis"

#: Every stream answers these, in this order, and then some of MORE commands.
FIRST = (("HELLO", "3"), ("SUBSCRIBE", "events.a"))
MORE = 1000
GREETING = (
    b"%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:3\r\n"
    b"$2\r\nid\r\n:7\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n"
    b"$7\r\nmodules\r\n*0\r\n>3\r\n$9\r\nsubscribe\r\n$8\r\nevents.a\r\n:1\r\n"
)
ENTRIES = (
    b"%1\r\n$8\r\nevents.a\r\n*2\r\n*2\r\n$15\r\n1764478800000-0\r\n*2\r\n$4\r\nbody\r\n$2\r\n{}\r\n"
    b"*2\r\n$15\r\n1764478800000-1\r\n*4\r\n$16\r\ndovetail-attempt\r\n$1\r\n2\r\n"
    b"$4\r\nbody\r\n$4\r\n\r\n\x00\xff\r\n"
)


def new(log: list[Any]) -> Callable[[bytes], None]:
    """A client that has sent its commands: what comes is logged with the number of its command, or None."""
    protocol: Protocol[int] = Protocol()
    for number, words in enumerate((*FIRST, *[("PING",)] * MORE)):
        protocol.command(number, *words)

    def feed(data: bytes) -> None:
        for number, value in protocol.receive(data):
            log.append((number, _plain(value)))

    return feed


def _plain(value: Any) -> Any:
    """Errors are equal where they say the same."""
    if isinstance(value, Exception):
        return type(value).__name__, str(value)
    if isinstance(value, list):
        return type(value).__name__, [_plain(one) for one in value]
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return value


STREAMS = [
    GREETING + b"+OK\r\n:12\r\n_\r\n" + ENTRIES,
    GREETING
    + b"*3\r\n$2\r\nok\r\n$8\r\nno group\r\n$4\r\nfull\r\n-NOSCRIPT No matching script\r\n+PONG\r\n",
    GREETING
    + b">3\r\n$7\r\nmessage\r\n$8\r\nevents.a\r\n$5\r\nhello\r\n+PONG\r\n"
    + b">4\r\n$8\r\npmessage\r\n$8\r\nevents.*\r\n$8\r\nevents.b\r\n$0\r\n\r\n"
    + b">3\r\n$12\r\nsunsubscribe\r\n$14\r\n{dovetail}:to:\r\n:0\r\n-MOVED 4711 127.0.0.1:7001\r\n",
    b"-NOAUTH HELLO must be called with the client already authenticated\r\n"
    b"-LOADING Redis is loading the dataset in memory\r\n",
]


def _bulk(body: bytes) -> bytes:
    return b"$%d\r\n%s\r\n" % (len(body), body)


def _list_of(values: list[bytes], kind: bytes = b"*") -> bytes:
    return b"%s%d\r\n%s" % (kind, len(values), b"".join(values))


def _map_of(values: dict[bytes, bytes]) -> bytes:
    return b"%%%d\r\n" % len(values) + b"".join(
        _bulk(name) + value for name, value in values.items()
    )


def streams() -> st.SearchStrategy[bytes]:
    """Valid ones: after the greeting, replies, errors and pushed messages."""
    line = st.text("abc XYZ-0189", min_size=1, max_size=20).map(str.encode)
    leaf = st.one_of(
        st.binary(max_size=100).map(_bulk),
        line.map(lambda text: b"+" + text + b"\r\n"),
        st.integers(-(2**63), 2**63 - 1).map(lambda number: b":%d\r\n" % number),
        st.sampled_from([b"_\r\n", b"#t\r\n", b",1.5\r\n", b"$-1\r\n", b"*-1\r\n"]),
    )
    value = st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4).map(_list_of),
            st.dictionaries(st.binary(max_size=8), inner, max_size=3).map(_map_of),
        ),
        max_leaves=6,  # replies of our commands are nested four deep, hiredis goes to nine
    )
    error = line.map(lambda text: b"-ERR " + text + b"\r\n")
    words = st.lists(st.binary(max_size=30).map(_bulk), min_size=2, max_size=3)
    pushed = st.tuples(st.sampled_from([b"message", b"pmessage", b"smessage"]), words).map(
        lambda pair: _list_of([_bulk(pair[0]), *pair[1]], b">")
    )
    rest = st.lists(st.one_of(value, error, pushed), max_size=30)
    return rest.map(lambda parts: GREETING + b"".join(parts))
