"""The list of commands, and how each way of ending becomes an exit status."""

from __future__ import annotations

import importlib
import os
import sys
from types import TracebackType

import click

from dovetail.cli.address import VARIABLE
from dovetail.cli.endings import INTERRUPTED, Ending
from dovetail.cli.output import finish, note, one_line
from dovetail.errors import ConfigurationError, DovetailError

#: name → (module, what it does)
COMMANDS = {
    "publish": ("publish", "Publish an event, once or again and again."),
    "subscribe": ("subscribe", "Print events as they are published, or as a member of a group."),
    "send": ("send", "Send a command to the one group that handles it."),
    "request": ("request", "Ask, and print the first answer."),
    "gather": ("gather", "Ask everyone, and print every answer."),
    "run": ("run", "Run the handlers of groups, in one process or several."),
    "status": ("status", "Show the server, its store, and how far each group has come."),
    "dead": ("dead", "List, show, replay and drop dead letters."),
}

HELP = f"""Publish, subscribe, ask, run handlers, and put right what failed, on any queue.

\b
A queue is given by its address, the first argument:
  nats://localhost:4222    a NATS server
  embedded:./data          the NATS server that comes along, with its store in ./data
It can be left out where {VARIABLE} is set.
"""


class Commands(click.Group):
    """Imports a command only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which one meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, from its own module."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(
            f"dovetail.cli.{COMMANDS[cmd_name][0]}"
        ).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in the help, made without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, says) for name, (_, says) in COMMANDS.items()])


app = Commands(
    name="dovetail",
    help=HELP,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
click.version_option(package_name="dovetail", message="dovetail %(version)s")(app)


def main() -> None:
    """Run the command line and end the process.

    0: done; 1: it failed; 2: used or configured wrongly; 130: Ctrl-C.
    """
    sys.excepthook = _unexpected
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    status = _status(sys.argv[1:])
    sys.exit(finish(status))


def _status(arguments: list[str]) -> int:
    try:
        # what click gives back is the status of `--help` and the like, and None after a command
        return app.main(arguments, prog_name="dovetail", standalone_mode=False) or 0
    except Ending as ending:
        return _told(str(ending), ending.status)
    except click.Abort:
        return INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:
        return _told(error.format_message(), 2)
    except click.UsageError as error:
        return _told(_usage(error), 2)
    except click.ClickException as error:
        return _told(f"dovetail: {error.format_message()}", error.exit_code)
    except ConfigurationError as error:
        return _told(f"dovetail: {one_line(str(error))}", 2)
    except DovetailError as error:
        return _told(f"dovetail: {one_line(str(error))}", 1)


def _told(text: str, status: int) -> int:
    if text:
        note(text)
    return status


def _usage(error: click.UsageError) -> str:
    said = one_line(error.format_message())
    if error.ctx is None:
        return f"dovetail: {said}"
    pieces = " ".join(error.ctx.command.collect_usage_pieces(error.ctx))
    path = error.ctx.command_path
    return f"{path}: {said}\nUsage: {path} {pieces}   (more: {path} --help)"


def _unexpected(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """A mistake of ours: one line for the user, the traceback for whoever asks for it."""
    if os.environ.get("DOVETAIL_DEBUG"):
        sys.__excepthook__(kind, error, trace)
        return
    said = one_line(f"{kind.__name__}: {error}")
    note(
        f"dovetail: unexpected error: {said}\nThis is a bug. DOVETAIL_DEBUG=1 shows where it happened."
    )
