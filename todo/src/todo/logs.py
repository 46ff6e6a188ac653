"""What a component says while it runs: on stderr, as text for people or JSON for machines.

The standard library does it all. structlog was measured and left out: it took 8 MB (4 of them because
it imports rich where that is installed) and 0.07 s in each of the application's processes.
"""

from __future__ import annotations

import io
import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

import msgspec

from dovetail import LogFormatter, printable
from todo.settings import Settings


class TextFormatter(LogFormatter):
    """`12:30:01 warning the message`, and the traceback of an error below it."""

    default_time_format = "%H:%M:%S"
    default_msec_format = ""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(level)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        record.level = record.levelname.lower()
        return super().format(record)


class JsonFormatter(logging.Formatter):
    """One JSON object in a line: time, level, component, logger, message, and error where there is one."""

    def __init__(self, component: str) -> None:
        super().__init__()
        self._component = component

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "component": self._component,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        try:
            return printable(msgspec.json.encode(line).decode(), json=True)
        except UnicodeEncodeError:  # half of a surrogate pair somewhere
            return json.dumps(line, default=str)


def configure(settings: Settings, component: str) -> None:
    """Arrange the logging of this process."""
    as_json = settings.log_format == "json"
    formatter = JsonFormatter(component) if as_json else TextFormatter()
    root = logging.getLogger()
    root.handlers[:] = [_handler(sys.stderr, formatter)]
    root.setLevel(settings.log_level.upper())
    # What these say of their progress, this program says itself.
    for name in ("uvicorn", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    audit = logging.getLogger("todo.audit")
    audit.handlers[:] = [_handler(sys.stdout, formatter if as_json else LogFormatter())]
    audit.setLevel(logging.INFO)
    audit.propagate = False


def _handler(stream: TextIO, formatter: logging.Formatter) -> logging.Handler:
    if isinstance(
        stream, io.TextIOWrapper
    ):  # a text that the terminal's encoding lacks is no failure
        stream.reconfigure(errors="backslashreplace")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    return handler
