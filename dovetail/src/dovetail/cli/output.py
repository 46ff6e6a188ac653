"""What a command prints: results on stdout, everything about them on stderr.

Whatever is printed passes `line` or `note`, which escape what would steer the terminal or forge a line.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec

from dovetail.cli.exit_status import Ending, OutputClosed
from dovetail.codec.escaping import printable
from dovetail.network.os_errors import plain_error


def line(*rows: str) -> None:
    """One line of the result for each, out at once."""
    drawn(*map(printable, rows))


def drawn(*rows: str) -> None:
    """Lines whose escape sequences are our own: whoever draws them has escaped the text in them."""
    try:
        print(*rows, sep="\n", flush=True)
    except OSError as error:
        raise _no_output(error) from error


def note(*rows: str) -> None:
    """Words about what happens, on stderr, a line for each."""
    with suppress(OSError):
        print(*map(printable, rows), sep="\n", file=sys.stderr, flush=True)


def asked(question: str) -> str:
    """The line that the user answers on the terminal; empty where nobody does."""
    sys.stderr.write(printable(question))
    sys.stderr.flush()
    return sys.stdin.readline()


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
    return Ending(f"dovetail: cannot write the output: {plain_error(error)}")


def one_line(text: str) -> str:
    """The text without line ends."""
    return " ".join(text.split())


def shown(value: Any) -> str:
    """A message's data on one line: JSON as JSON, text as text, other bytes as Python writes them."""
    if not isinstance(value, bytes):
        return as_json(value)
    try:
        return value.decode() or "(empty)"
    except UnicodeDecodeError:
        return repr(value)


def pretty(value: Any) -> list[str]:
    """A message's data over several lines."""
    if isinstance(value, bytes):
        return [shown(value)]
    indented = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    return [printable(row, json=True) for row in indented.split("\n")]


def as_json(value: Any) -> str:
    """The value as JSON on one line, with escapes of JSON's for what `printable` escapes."""
    return printable(msgspec.json.encode(value).decode(), json=True)


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
    if moment is None:
        return "-"
    try:
        return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"
    except (
        OverflowError,
        ValueError,
    ):  # the first or the last day that there is, elsewhere another one
        return moment.isoformat(" ", "seconds")


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
