"""Compares what a page shows with what was said.

The page shows real output. Ids, times and amounts that differ from run to run need only look alike, and
columns may be of another width. `…` stands for anything in a line, and alone for any lines or none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

#: What differs from run to run.
_VARYING = [
    r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}",  # a UUID
    r"\d{4}-\d\d-\d\d",
    r"(?<=nats-server )[\d.]+",
    r"\d\d:\d\d:\d\d(?:\.\d+)?",
    r"(?:\d+ m )?\d+(?:\.\d+)? (?:ms|s)\b",
    r"\d+(?:\.\d+)? (?:bytes|kB|MB)\b",
    r'"pid":\d+',
]
_TOKEN = re.compile("|".join([*(f"({pattern})" for pattern in _VARYING), "(…)", "( +)", "(.)"]))
_COUNTER = re.compile(r"^ +\d+(?=  )")
_ANYTHING, _SPACES = len(_VARYING) + 1, len(_VARYING) + 2


def beginning(lines: Sequence[str], said: str) -> int | None:
    """How much of what was said these lines are the beginning of; None where they are not."""
    found = re.match(_pattern(lines), said)
    return found.end() if found else None


def is_all(lines: Sequence[str], said: str) -> bool:
    """Whether these lines are all that was said."""
    return re.fullmatch(_pattern(lines), said) is not None


def in_any_order(lines: Sequence[str], said: str) -> int | None:
    """How much of what was said has all these lines, in any order and among others; None where none has.

    A number at the beginning counts lines, and so may be another.
    """
    said_lines = said.splitlines(keepends=True)
    rest = dict(enumerate(said_lines))
    last = -1
    for line in lines:
        wanted = re.compile(_line_pattern(_COUNTER.sub("…", line)) + "\n")
        number = next((number for number, one in rest.items() if wanted.fullmatch(one)), None)
        if number is None:
            return None
        del rest[number]
        last = max(last, number)
    return sum(map(len, said_lines[: last + 1]))


def _pattern(lines: Sequence[str]) -> str:
    return "".join(
        r"(?:.*\n)*?" if line.strip() == "…" else f"{_line_pattern(line)}\n" for line in lines
    )


def _line_pattern(line: str) -> str:
    return "".join(_token_pattern(token) for token in _TOKEN.finditer(line.rstrip())) + " *"


def _token_pattern(token: re.Match[str]) -> str:
    kind = token.lastindex or 0
    if kind <= len(_VARYING):
        return _VARYING[kind - 1]
    return {_ANYTHING: ".*?", _SPACES: " +"}.get(kind, re.escape(token[0]))
