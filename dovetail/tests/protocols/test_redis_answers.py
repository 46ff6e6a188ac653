"""Which command a reply of Redis belongs to, whatever else the server sends."""

from __future__ import annotations

from typing import Any

import pytest

from dovetail.network.protocol import ProtocolError
from dovetail.transports.redis.protocol import MEANINGS, Protocol

GARBAGE = "it does not speak the Redis protocol"


def pushed(*words: str) -> bytes:
    return b">%d\r\n" % len(words) + b"".join(
        b"$%d\r\n%s\r\n" % (len(w), w.encode()) for w in words
    )


CONFIRMED = pushed("ssubscribe", "a")
#: What is owed → what came → the bytes that came, and what they give.
CELLS: dict[str, dict[str, tuple[bytes, Any]]] = {
    "nothing": {
        "reply": (b"+OK\r\n", GARBAGE),
        "error": (b"-ERR max number of clients reached\r\n", "ERR max number of clients reached"),
        "push": (pushed("message", "a", "b"), [None]),
    },
    "reply": {
        "reply": (b"+OK\r\n", ["command"]),
        "error": (b"-ERR no\r\n", ["command"]),
        "push": (CONFIRMED, [None]),
    },
    "confirmation": {
        "reply": (b"+OK\r\n", GARBAGE),
        "error": (b"-MOVED 1 b:1\r\n", ["command"]),
        "confirmation": (CONFIRMED, ["command"]),
        "push": (pushed("ssubscribe", "b") + pushed("sunsubscribe", "a"), [None, None]),
    },
}
COMMANDS: dict[str, list[tuple[str, ...]]] = {
    "nothing": [],
    "reply": [("PING",)],
    "confirmation": [("SSUBSCRIBE", "a")],
}


@pytest.mark.parametrize(
    ("owed", "came"), [(owed, came) for owed, row in MEANINGS.items() for came in row]
)
def test_what_comes_means_what_the_table_says(owed: str, came: str) -> None:
    protocol: Protocol[str] = Protocol()
    for words in COMMANDS[owed]:
        protocol.command("command", *words)
    data, expected = CELLS[owed][came]
    if isinstance(expected, str):
        with pytest.raises(ProtocolError) as caught:
            list(protocol.receive(data))
        assert str(caught.value) == expected
    else:
        assert [token for token, _ in protocol.receive(data)] == expected


def test_a_subscription_that_is_refused_does_not_shift_what_follows() -> None:
    protocol: Protocol[str] = Protocol()
    protocol.command("refused", "SSUBSCRIBE", "a")
    protocol.command("taken", "SUBSCRIBE", b"b")
    protocol.command("ping", "PING")
    data = b"-CLUSTERDOWN Hash slot not served\r\n" + pushed("subscribe", "b") + b"+PONG\r\n"
    assert [token for token, _ in protocol.receive(data)] == ["refused", "taken", "ping"]


def test_what_has_no_answer_when_the_connection_ends() -> None:
    protocol: Protocol[int] = Protocol()
    for number in range(3):
        protocol.command(number, "PING")
    assert [token for token, _ in protocol.receive(b"+PONG\r\n+PO")] == [0]
    assert list(protocol.unanswered()) == [1, 2]
    assert list(protocol.unanswered()) == []
