"""Sessions are signed, last over restarts, and end when they are to."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from todo.authentication.ended_sessions import EndedSessions
from todo.authentication.sessions import LIFETIME_SECONDS, Sessions


@pytest.fixture(scope="module")
def sessions() -> Sessions:
    return Sessions("open sesame")


def test_a_session_lasts_when_the_component_is_started_again(sessions: Sessions) -> None:
    assert Sessions("open sesame").admits(sessions.begin())


def test_another_password_ends_it(sessions: Sessions) -> None:
    assert not Sessions("open barley").admits(sessions.begin())


def test_its_time_ends(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    session, now = sessions.begin(), time.time()
    monkeypatch.setattr(time, "time", lambda: now + LIFETIME_SECONDS - 2)
    assert sessions.admits(session)
    monkeypatch.setattr(time, "time", lambda: now + LIFETIME_SECONDS + 1)
    assert not sessions.admits(session)


def test_signing_out_ends_this_one_only(sessions: Sessions) -> None:
    one, other = sessions.begin(), sessions.begin()
    sessions.end(one)
    assert not sessions.admits(one)
    assert sessions.admits(other)


def test_what_was_signed_out_stays_so_after_the_next_start(
    sessions: Sessions, tmp_path: Path
) -> None:
    file = tmp_path / "signed-out"
    first, second = (Sessions("open sesame", EndedSessions(file)) for _ in range(2))
    one, other = sessions.begin(), sessions.begin()
    assert second.admits(one)
    first.end(one)
    for knows in (first, second, Sessions("open sesame", EndedSessions(file))):
        assert not knows.admits(one)
        assert knows.admits(other)
    assert one.encode() not in file.read_bytes()
    assert file.stat().st_mode & 0o077 == 0


def test_the_file_forgets_what_has_ended_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "signed-out"
    sessions = Sessions("open sesame", EndedSessions(file))
    old = sessions.begin()
    sessions.end(old)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + LIFETIME_SECONDS + 1)
    new = sessions.begin()
    sessions.end(new)
    with file.open("ab") as damaged:
        damaged.write(b"\xff\x00 9\nhalf of a li")
    later = Sessions("open sesame", EndedSessions(file))
    assert not later.admits(new)
    assert file.read_bytes().count(b"\n") == 1


def test_where_the_file_cannot_be_written_it_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sessions = Sessions("open sesame", EndedSessions(tmp_path / "nowhere" / "signed-out"))
    session = sessions.begin()
    sessions.end(session)
    assert not sessions.admits(session)
    assert "cannot be written: No such file or directory" in caplog.text


def test_what_was_never_begun_takes_no_memory(sessions: Sessions) -> None:
    before = len(sessions._ended)
    sessions.end("0.0.0")
    assert len(sessions._ended) == before


def test_what_somebody_made_up_or_changed_is_none(sessions: Sessions) -> None:
    session = sessions.begin()
    begun, nonce, signature = session.split(".")
    later = f"{int(begun, 16) + 1:x}"
    for wrong in (
        "",
        ".",
        "..",
        "x",
        f"{begun}.{nonce}",
        f"{begun}.{nonce}.",
        f"{later}.{nonce}.{signature}",
        f"{begun}.{nonce}.{signature[:-1]}",
        f"{begun}.{nonce}.{signature}0",
        session.upper(),
        f" {session}",
        "é\udcff\x00.1.2",
        "9" * 10_000,
    ):
        assert not sessions.admits(wrong), wrong


@pytest.mark.parametrize(
    ("password", "given", "right"),
    [
        ("a", "a", True),
        ("a", "A", False),
        ("a", "a ", False),
        ("a", "", False),
        ("caf\u00e9", "cafe\u0301", True),
        ("\udcff", "\udcff", True),
        ("x" * 10_000, "x" * 10_000, True),
    ],
)
def test_a_password_is_the_same_or_it_is_not(password: str, given: str, right: bool) -> None:
    assert Sessions(password).is_password(given) is right
