"""What a command prints: results on stdout, everything about them on stderr."""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec

from dovetail.cli.endings import Ending, OutputClosed

#: Characters that would steer the terminal, or end the line.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def line(text: str) -> None:
    """One line of the result, out at once."""
    try:
        print(text, flush=True)
    except OSError as error:
        raise _no_output(error) from error


def note(text: str) -> None:
    """A word about what happens, on stderr."""
    with suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def below_echo() -> None:
    """Go to the next line of a terminal, which has just shown ^C."""
    if sys.stderr.isatty():
        note("")


def finish(status: int) -> int:
    """Hand out what is still held back, and return the exit status that is then right."""
    try:
        sys.stdout.flush()
    except OSError as error:
        ending = _no_output(error)
        note(str(ending))
        return status or ending.status
    return status


def _no_output(error: OSError) -> Ending:
    # Python would try once more at exit, and complain.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        return OutputClosed()
    return Ending(f"dovetail: cannot write the output: {error.strerror}")


def one_line(text: str) -> str:
    """The text without line ends and without what would steer the terminal."""
    return printable(" ".join(text.split()))


def printable(text: str) -> str:
    """The text with control characters written out, `\\x1b` for Escape."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def shown(value: Any) -> str:
    """A message's data on one line: JSON as JSON, text as text, other bytes as Python writes them."""
    if not isinstance(value, bytes):
        return printable(as_json(value))
    try:
        return printable(value.decode()) or "(empty)"
    except UnicodeDecodeError:
        return repr(value)


def pretty(value: Any) -> str:
    """A message's data over several lines."""
    if isinstance(value, bytes):
        return shown(value)
    indented = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    return "\n".join(printable(part) for part in indented.split("\n"))


def as_json(value: Any) -> str:
    """The value as JSON on one line."""
    return msgspec.json.encode(value).decode()


def bytes_as_json(name: str, body: bytes) -> dict[str, str]:
    """Bytes in an object: as text under this name, or as `name_base64` where they are none."""
    try:
        return {name: body.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": msgspec.to_builtins(body)}


def clock() -> str:
    """The time of day, local, to the millisecond."""
    return datetime.now(UTC).astimezone().strftime("%H:%M:%S.%f")[:-3]


def date_and_time(moment: datetime | None) -> str:
    """A local date and time to the second; a dash where there is none."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else "-"


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 message`, `1,200 messages`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def span(seconds: float) -> str:
    """A length of time in its two largest units: `2 m 3 s`."""
    left = max(0, int(seconds))
    parts = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        if left >= size:
            parts.append(f"{left // size} {unit}")
            left %= size
    return " ".join(parts[:2]) or "0 s"


def size(amount: int) -> str:
    """A number of bytes in the unit that suits it: `1.2 MB`."""
    if amount < 1000:
        return count(amount, "byte")
    scaled = float(amount)
    for unit in ("kB", "MB", "GB"):
        scaled /= 1000
        if scaled < 999.95:  # what is not rounded up to the next unit
            return f"{scaled:.1f} {unit}"
    return f"{scaled / 1000:,.1f} TB"
