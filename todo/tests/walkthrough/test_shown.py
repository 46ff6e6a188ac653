"""A page that shows something else than what is said is found out."""

from __future__ import annotations

from pathlib import Path

import pytest

from .page import IN_ANY_ORDER, OWN, read
from .shown import beginning, in_any_order, is_all

SAVED = "12:30:01 info saved 01a20747-834f-7adf-a8e9-af6536c8548a\n"


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ("07:21:02 info saved 01a20747-8c8e-7c03-8381-a5863caef584", SAVED),
        ("… info saved …", SAVED),
        (
            "AUDIT @ 2026-11-23T07:20:56.9+00:00: tea",
            "AUDIT @ 2027-01-01T00:00:00.123456+00:00: tea\n",
        ),
        ("3 answers; the 0.5 s were over.", "3 answers; the 1 m 2 s were over.\n"),
        ("nats-server 2.15.1 at x", "nats-server 2.16.0 at x\n"),
        ("Store  2 messages, 780 bytes", "Store      2 messages, 1.2 kB\n"),
        ("a (b) [c] {d} $e .", "a (b) [c] {d} $e .\n"),
    ],
)
def test_what_varies_may_differ(shown: str, said: str) -> None:
    assert is_all([shown], said)


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ("12:30:01 info saved 01a2", SAVED),
        ("12:30:01 info received …", SAVED),
        ("165", "166\n"),
        ("2 messages", "3 messages\n"),
        ("a.c", "abc\n"),
        ("127.0.0.1", "127.0.0.2\n"),
        ("", "more\n"),
    ],
)
def test_what_does_not_vary_may_not(shown: str, said: str) -> None:
    assert not is_all([shown], said)


def test_all_lines_are_compared() -> None:
    assert is_all(["one", "two"], "one\ntwo\n")
    assert not is_all(["one"], "one\ntwo\n")
    assert not is_all(["one", "two"], "one\n")
    assert is_all(["one", "…"], "one\ntwo\nthree\n")
    assert is_all(["…", "three"], "one\ntwo\nthree\n")
    assert is_all([], "")


def test_the_beginning_ends_with_a_whole_line() -> None:
    assert beginning(["one"], "one\ntwo\n") == 4
    assert beginning(["…", "two"], "one\ntwo\nthree") == 8
    assert beginning(["one"], "one") is None
    assert beginning(["two"], "one\ntwo\n") is None


def test_each_line_counts_once_in_any_order() -> None:
    assert in_any_order(["b", "a"], "a\nx\nb\nc\n") == 6
    assert in_any_order(["a", "a"], "a\nb\n") is None
    assert in_any_order(["    1  b"], "    1  a\n    2  b\n") == 18


def test_a_page_is_read_in_steps(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "Text.\n\n```console\n# app\n$ todo up\nready\n^C\nbye\n$ again\n```\n\n"
        "```sh\nnot this\n```\n<!-- in any order -->\n```console\n$ say 'a\n> b'\nb\na\n```\n"
    )
    first, second, third = read(page)
    assert (first.terminal, first.line, first.command) == ("app", 5, "todo up")
    assert (first.shown, first.after_interrupt) == (["ready"], ["bye"])
    assert (second.terminal, second.command, second.after_interrupt) == ("app", "again", None)
    assert (third.terminal, third.line, third.command) == (OWN, 17, "say 'a\nb'")
    assert (third.shown, third.how) == (["b", "a"], IN_ANY_ORDER)
