"""The list of commands, and how each way of ending becomes an exit status."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from types import TracebackType

import click

from dovetail.checks.extras import DISTRIBUTION
from dovetail.cli.address import VARIABLE
from dovetail.cli.exit_status import INTERRUPTED, Ending
from dovetail.cli.lazy import Lazy, LazyGroup
from dovetail.cli.output import finish, note, one_line
from dovetail.errors import ConfigurationError, DovetailError

COMMANDS = {
    "publish": "Publish an event, once or again and again.",
    "subscribe": "Print events as they are published, or as a member of a group.",
    "send": "Send a command to the one group that handles it.",
    "request": "Ask, and print the first answer.",
    "gather": "Ask everyone, and print every answer.",
    "run": "Run the handlers of groups, in one process or several.",
    "status": "Show the server, its store, and how far each group has come.",
    "group": "List, rename and remove groups.",
    "dead": "List, show, replay and drop dead letters.",
}

HELP = f"""Publish, subscribe, ask, run handlers, and put right what failed, on any queue.

\b
A queue is given by its address, the first argument:
  nats://localhost:4222    a NATS server
  embedded:./data          the NATS server that comes along, with its store in ./data
It can be left out where {VARIABLE} is set.

\b
Exit status: 0 done, 1 failed, 2 used or configured wrongly, 130 Ctrl-C.
"""

app = LazyGroup(
    name="dovetail",
    help=HELP,
    lazy={name: Lazy(f"dovetail.cli.{name}", "command", says) for name, says in COMMANDS.items()},
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
click.version_option(package_name=DISTRIBUTION, message="dovetail %(version)s")(app)


def main() -> None:
    """Run the command line and end the process.

    0: done; 1: it failed; 2: used or configured wrongly; 130: Ctrl-C.
    """
    sys.excepthook = _unexpected
    if not sys.stdout:  # closed by the shell, with >&-
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - until the end
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    status = _status(sys.argv[1:])
    sys.exit(finish(status))


def _status(arguments: list[str]) -> int:
    try:
        # what click gives back is the status of `--help` and the like, and None after a command
        return app.main(arguments, prog_name="dovetail", standalone_mode=False) or 0
    except Ending as ending:
        return _told(str(ending), status=ending.status)
    except click.Abort:
        return INTERRUPTED
    except click.UsageError as error:
        return _told(*_usage(error), status=2)
    except click.ClickException as error:
        return _told(f"dovetail: {error.format_message()}", status=error.exit_code)
    except ConfigurationError as error:
        return _told(f"dovetail: {one_line(str(error))}", status=2)
    except DovetailError as error:
        return _told(f"dovetail: {one_line(str(error))}", status=1)


def _told(*rows: str, status: int) -> int:
    if any(rows):
        note(*rows)
    return status


def _usage(error: click.UsageError) -> list[str]:
    said = one_line(error.format_message())
    if error.ctx is None:
        return [f"dovetail: {said}"]
    pieces = " ".join(error.ctx.command.collect_usage_pieces(error.ctx))
    path = error.ctx.command_path
    return [f"{path}: {said}", f"Usage: {path} {pieces}   (more: {path} --help)"]


def _unexpected(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """A mistake of ours: one line for the user, the traceback for whoever asks for it."""
    if os.environ.get("DOVETAIL_DEBUG"):
        sys.__excepthook__(kind, error, trace)
        return
    said = one_line(f"{kind.__name__}: {error}")
    note(
        f"dovetail: unexpected error: {said}",
        "This is a bug. DOVETAIL_DEBUG=1 shows where it happened.",
    )
