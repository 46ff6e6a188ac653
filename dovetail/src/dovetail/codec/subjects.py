"""Subjects: dotted names, and the patterns that match them."""

from __future__ import annotations

import re
from functools import lru_cache

from dovetail.checks.rules import shown
from dovetail.errors import ConfigurationError
from dovetail.limits import LONGEST_NAME, LONGEST_SUBJECT

_TOKEN = r"[A-Za-z0-9_-]+"
_SUBJECT = re.compile(rf"{_TOKEN}(\.{_TOKEN})*")
_PATTERN = re.compile(rf"(({_TOKEN}|\*)\.)*({_TOKEN}|\*|>)")
_NAME = re.compile(_TOKEN)

#: Everything the library keeps for itself lies below this token.
RESERVED = "dovetail"


def check_subject(subject: str) -> str:
    """The subject itself, or ConfigurationError where it is none."""
    if not _is(_SUBJECT, subject) or subject.split(".", 1)[0] == RESERVED:
        raise ConfigurationError(
            f"{shown(subject)} is not a subject: use words of letters, digits, - and _ joined by dots, "
            f"as in 'events.todo.newitem'; {RESERVED!r} as the first word is reserved"
        )
    return _checked_length(subject)


def check_pattern(pattern: str) -> str:
    """The pattern itself, or ConfigurationError. `*` is one word, `>` at the end is the rest."""
    if not _is(_PATTERN, pattern) or pattern.split(".", 1)[0] == RESERVED:
        raise ConfigurationError(
            f"{shown(pattern)} is not a subject pattern: words joined by dots, where * stands for one "
            "word and > at the end for one or more, as in 'events.todo.>'; "
            f"{RESERVED!r} as the first word is reserved"
        )
    return _checked_length(pattern)


def _is(form: re.Pattern[str], text: object) -> bool:
    return isinstance(text, str) and form.fullmatch(text) is not None


def _checked_length(subject: str) -> str:
    if len(subject) > LONGEST_SUBJECT:
        raise ConfigurationError(
            f"{subject[:20]!r}… has {len(subject)} characters; a subject has {LONGEST_SUBJECT} at most"
        )
    return subject


def check_name(name: str, what: str) -> str:
    """The name of a group itself, or ConfigurationError."""
    if _is(_NAME, name) and len(name) > LONGEST_NAME:
        raise ConfigurationError(
            f"{name[:20]!r}… has {len(name)} characters; a {what} name has {LONGEST_NAME} at most"
        )
    if not _is(_NAME, name):
        raise ConfigurationError(
            f"{shown(name)} is not a {what} name: use letters, digits, - and _"
        )
    return name


def is_pattern(subject: str) -> bool:
    """Whether it holds a wildcard."""
    return subject[-1:] == ">" or "*" in subject


def overlap(one: str, other: str) -> bool:
    """Whether some subject matches both patterns."""
    first, second = one.split("."), other.split(".")
    for mine, yours in zip(first, second, strict=False):
        if ">" in (mine, yours):
            return True
        if mine != yours and "*" not in (mine, yours):
            return False
    return len(first) == len(second)


@lru_cache(maxsize=4096)
def matches(pattern: str, subject: str) -> bool:
    """Whether the subject is one of those that the pattern names."""
    want, have = pattern.split("."), subject.split(".")
    for index, token in enumerate(want):
        if token == ">":
            return len(have) > index
        if index >= len(have) or token not in ("*", have[index]):
            return False
    return len(want) == len(have)
