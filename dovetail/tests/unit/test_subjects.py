"""Subjects and patterns."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dovetail import ConfigurationError
from dovetail.codec.subjects import (
    check_name,
    check_pattern,
    check_subject,
    is_pattern,
    matches,
    overlap,
)

words = st.text("abcXYZ019-_", min_size=1, max_size=5)
subjects = st.lists(words, min_size=1, max_size=5).map(".".join)
patterns = st.builds(
    lambda tokens, rest: ".".join([*tokens, ">"] if rest or not tokens else tokens),
    st.lists(st.one_of(words, st.just("*")), max_size=4),
    st.booleans(),
)
#: Few different ones, so that patterns and subjects often agree.
few = st.sampled_from(["a", "b"])
few_subjects = st.lists(few, min_size=1, max_size=4).map(".".join)
few_patterns = st.builds(
    lambda tokens, rest: ".".join([*tokens, ">"] if rest or not tokens else tokens),
    st.lists(st.one_of(few, st.just("*")), max_size=4),
    st.booleans(),
)


@pytest.mark.parametrize("good", ["a", "events.todo.newitem", "A-b_9.x", "channel21", "x.dovetail"])
def test_subjects(good: str) -> None:
    assert check_subject(good) == check_pattern(good) == good


@pytest.mark.parametrize("check", [check_subject, check_pattern])
def test_length(check: Callable[[str], str]) -> None:
    assert len(check("a.b" + "c" * 197)) == 200
    with pytest.raises(ConfigurationError, match="has 201 characters; a subject has 200 at most"):
        check("a.b" + "c" * 198)


@pytest.mark.parametrize(
    "bad",
    [
        "",
        ".",
        "a.",
        ".a",
        "a..b",
        "a b",
        "a.*",
        ">",
        "a.>",
        "é",
        "a\n",
        "$JS.API",
        "a/b",
        "dovetail.x",
    ],
)
def test_what_is_no_subject(bad: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a subject"):
        check_subject(bad)


@pytest.mark.parametrize("good", ["*", ">", "a.*", "*.a", "a.*.b", "a.>", "*.>", "*.*"])
def test_patterns(good: str) -> None:
    assert check_pattern(good) == good
    assert is_pattern(good)


@pytest.mark.parametrize(
    "bad",
    [
        "",
        ">.a",
        "a.>.b",
        "a*",
        "a.b>",
        "*a",
        "**",
        "a. *",
        ">>",
        "dovetail",
        "dovetail.>",
        "dovetail.x",
    ],
)
def test_what_is_no_pattern(bad: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a subject pattern"):
        check_pattern(bad)


def test_length_of_a_name() -> None:
    assert check_name("a" * 100, "group") == "a" * 100
    with pytest.raises(
        ConfigurationError, match="has 101 characters; a group name has 100 at most"
    ):
        check_name("a" * 101, "group")


@pytest.mark.parametrize("bad", ["", "a.b", "a b", "*", "é", "a\n"])
def test_what_is_no_name(bad: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a group name"):
        check_name(bad, "group")


@given(subjects)
def test_subject_matches_itself_and_everything(subject: str) -> None:
    assert check_subject(subject) == subject
    assert matches(subject, subject)
    assert matches(">", subject)
    assert not matches(f"{subject}.>", subject)
    assert matches(f"{subject}.>", f"{subject}.more")


@given(few_patterns, few_subjects)
def test_matches_as_a_regular_expression_would(pattern: str, subject: str) -> None:
    check_pattern(pattern)
    expression = re.escape(pattern).replace(r"\*", "[^.]+").replace(">", ".+")
    assert matches(pattern, subject) == (re.fullmatch(expression, subject) is not None)


@given(few_patterns, few_patterns)
def test_overlap_is_what_some_subject_shows(one: str, other: str) -> None:
    witness = any(matches(one, subject) and matches(other, subject) for subject in _ALL)
    assert overlap(one, other) == overlap(other, one) == witness


def _subjects(length: int) -> list[str]:
    if length == 0:
        return [""]
    return [f"{start}.{word}".lstrip(".") for start in _subjects(length - 1) for word in "abc"]


_ALL = [subject for length in range(1, 7) for subject in _subjects(length)]
