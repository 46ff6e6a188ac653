"""Everything that may be shown of an error or an object: what people paste into bug reports."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dovetail

OURS = str(Path(dovetail.__file__).parent)


def shown_of(error: BaseException) -> str:
    """The error and those behind it, with the traceback and what our own frames held."""
    formatted = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "\n".join(_lines(formatted))


def _lines(formatted: traceback.TracebackException) -> Iterator[str]:
    yield from formatted.format_exception_only()
    for frame in formatted.stack:
        yield str(frame)
        if frame.filename.startswith(OURS):
            yield from (frame.locals or {}).values()
    for behind in (formatted.__cause__, formatted.__context__):
        if behind is not None:
            yield from _lines(behind)


def representations(thing: object) -> str:
    """Of an object of ours, and of those of ours that it leads to."""
    found: dict[int, str] = {}
    _collect(thing, found)
    return "\n".join(found.values())


def _collect(thing: Any, found: dict[int, str]) -> None:
    if id(thing) in found or not type(thing).__module__.startswith("dovetail."):
        return
    found[id(thing)] = repr(thing)
    for value in getattr(thing, "__dict__", {}).values():
        _collect(value, found)
