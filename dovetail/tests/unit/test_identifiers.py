"""UUIDv7 (RFC 9562, section 5.7) and derived ids."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dovetail import clock, new_id
from dovetail.codec.identifiers import derived_id, unique_key


def test_layout() -> None:
    before = time.time_ns() // 1_000_000
    made = uuid.UUID(new_id())
    after = time.time_ns() // 1_000_000
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert before <= made.int >> 80 <= after
    assert str(made) == str(uuid.UUID(str(made)))  # lower case, with hyphens


def test_all_random_bits_are_used() -> None:
    ones, zeros = 0, 0
    for _ in range(200):
        number = uuid.UUID(new_id()).int
        ones |= number
        zeros |= ~number
    random_bits = (0xFFF << 64) | ((1 << 62) - 1)
    assert ones & random_bits == random_bits
    assert zeros & random_bits == random_bits


def test_sorts_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    for milliseconds in (0, 1, 1_000, 1_700_000_000_000, 1_700_000_000_001, (1 << 48) - 1):
        monkeypatch.setattr(clock, "time_ns", lambda now=milliseconds: now * 1_000_000)
        made.append(new_id())
    assert made == sorted(made)


def test_no_two_are_the_same() -> None:
    assert len({new_id() for _ in range(20_000)}) == 20_000


def test_a_forked_process_makes_others_than_its_parent() -> None:
    program = """
import os
from dovetail import new_id
new_id()  # there are random digits for the next ones now
child = os.fork()
if child:
    os.waitpid(child, 0)
print(*(new_id() for _ in range(1000)), flush=True)
"""
    command = [sys.executable, "-c", program]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert len({one[15:] for one in said.split()}) == 2000


@given(st.text(), st.text(), st.integers(min_value=0))
def test_derived_id_depends_on_all_three_and_nothing_else(
    cause: str, handler: str, index: int
) -> None:
    made = derived_id(cause, handler, index)
    assert made == derived_id(cause, handler, index)
    assert made == str(uuid.uuid5(uuid.NAMESPACE_OID, f"{cause}/{handler}/{index}"))
    others = {
        derived_id(cause + "x", handler, index),
        derived_id(cause, handler + "x", index),
        derived_id(cause, handler, index + 1),
    }
    assert len(others | {made}) == 4


def test_what_no_other_message_has() -> None:
    made = new_id()
    assert unique_key(made, "shop") == unique_key(made, "bank") == made
    assert unique_key("7", "shop") != unique_key("7", "bank")
    assert unique_key("7", "") == "7"
