"""Names on JetStream, and header blocks."""

from __future__ import annotations

import re
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dovetail import ConfigurationError
from dovetail.delivery import Claim
from dovetail.transports.nats import topology
from dovetail.transports.nats.headers import header_block, parse_headers

PATTERNS = ["a", "a.b", "a.*", "*.a.>", ">", "A-b_9.x"]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_escaped_subjects_are_one_word_and_come_back(pattern: str) -> None:
    assert re.fullmatch(r"[^.*>\s/\\]+", topology.escaped(pattern))
    assert topology.unescaped(topology.escaped(pattern)) == pattern
    assert topology.split_consumer(topology.consumer_of("save-handler", pattern)) == (
        "save-handler",
        pattern,
    )


def test_names_that_are_too_long_together() -> None:
    assert len(topology.consumer_of("g" * 54, "s" * 200)) == 255
    with pytest.raises(ConfigurationError, match="too long together"):
        topology.consumer_of("g" * 55, "s" * 200)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_replays_have_their_subject_back(pattern: str) -> None:
    replayed = topology.replay_subject("save-handler", pattern, "events.todo.newitem")
    assert topology.original_subject(replayed) == "events.todo.newitem"
    assert topology.original_subject("events.todo.newitem") == "events.todo.newitem"


@pytest.mark.parametrize(
    ("kind", "stream"),
    [("event", "dovetail-events"), ("command", "dovetail-command-do=it")],
)
def test_streams(kind: Literal["event", "command"], stream: str) -> None:
    claim = Claim("group", "do.it", kind, "first", 15, 100)
    assert topology.stream_of(claim) == stream


names = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,10}", fullmatch=True)
lines = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"])).map(str.strip)


@given(st.dictionaries(names, lines, max_size=5))
def test_headers_round_trip(fields: dict[str, str]) -> None:
    assert parse_headers(header_block(fields)) == fields


@pytest.mark.parametrize(
    ("block", "fields"),
    [
        (b"NATS/1.0\r\n\r\n", {}),
        (b"NATS/1.0 503\r\n\r\n", {}),
        (b"NATS/1.0 409 Consumer Deleted\r\nA:1\r\n\r\n", {"A": "1"}),
        (b"NATS/1.0\r\nA: x:y \r\nB:\r\n\r\n", {"A": "x:y", "B": ""}),
        (b"NATS/1.0\r\nA: 1\r\nA: 2\r\n\r\n", {"A": "2"}),
        (b"NATS/1.0\r\nno colon\r\nA: \xff\r\n\r\n", {"A": "\ufffd"}),
        (b"", {}),
    ],
)
def test_header_blocks(block: bytes, fields: dict[str, str]) -> None:
    assert parse_headers(block) == fields
