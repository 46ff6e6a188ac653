"""Wrong passwords are counted: those of one address, and those of all."""

from __future__ import annotations

import pytest

from todo.authentication import password_attempts as module
from todo.authentication.password_attempts import (
    MOST_FROM_ONE,
    MOST_IN_ALL,
    WINDOW_SECONDS,
    PasswordAttempts,
)


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def guess(tries: PasswordAttempts, address: str, times: int, first: int = 0) -> None:
    for number in range(first, first + times):
        tries.wrong(address, b"%d" % number)


def test_one_address_has_so_many(clock: Clock) -> None:
    tries = PasswordAttempts()
    guess(tries, "192.0.2.1", MOST_FROM_ONE - 1)
    assert tries.wait("192.0.2.1") == 0
    clock.now += 10
    guess(tries, "192.0.2.1", 1, first=99)
    assert tries.wait("192.0.2.1") == WINDOW_SECONDS - 10
    assert tries.wait("192.0.2.2") == 0
    clock.now += WINDOW_SECONDS - 10
    assert tries.wait("192.0.2.1") == 0


@pytest.mark.usefixtures("clock")
def test_all_together_have_so_many_but_for_where_the_right_one_came_from() -> None:
    tries = PasswordAttempts()
    tries.right("192.0.2.1")
    for number in range(MOST_IN_ALL):
        tries.wrong(f"198.51.{number}.1", b"x")
    assert tries.wait("203.0.113.1") == WINDOW_SECONDS
    assert tries.wait("192.0.2.1") == 0


@pytest.mark.usefixtures("clock")
def test_the_same_wrong_one_counts_once() -> None:
    tries = PasswordAttempts()
    for _ in range(1000):
        tries.wrong("192.0.2.1", b"old password")
    assert tries.wait("192.0.2.1") == 0


@pytest.mark.usefixtures("clock")
def test_the_right_one_begins_anew() -> None:
    tries = PasswordAttempts()
    guess(tries, "192.0.2.1", MOST_FROM_ONE - 1)
    tries.right("192.0.2.1")
    guess(tries, "192.0.2.1", MOST_FROM_ONE - 1)
    assert tries.wait("192.0.2.1") == 0


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("one", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::2%eth1"),
        ("nonsense", ""),
    ],
)
def test_who_has_many_addresses_has_no_more_tries(one: str, same: str) -> None:
    tries = PasswordAttempts()
    guess(tries, one, MOST_FROM_ONE)
    assert tries.wait(same) > 0


def test_what_is_remembered_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_REMEMBERED", 10)
    tries = PasswordAttempts()
    for number in range(100):
        clock.now += WINDOW_SECONDS
        tries.wrong(f"192.0.2.{number}", b"x")
        tries.right(f"198.51.100.{number}")
        tries.wait("203.0.113.1")
    assert (len(tries._wrong), len(tries._known), len(tries._in_all)) == (10, 10, 1)
