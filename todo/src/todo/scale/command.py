"""`todo scale` as a command."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping

from dovetail.embedded import running
from todo.control.client import NobodyAnswers, ask
from todo.control.messages import Accepted
from todo.process import CannotRun, run_process
from todo.queue_address import embedded_folder
from todo.scale.report import lines
from todo.settings import Settings

#: The status of a command that Ctrl-C ended.
_INTERRUPTED = 130


def scale(counts: Mapping[str, int]) -> int:
    """Have the running `todo up` run so many of each, or list what it runs; the exit status."""

    async def work(settings: Settings) -> int:
        try:
            async for answer in ask(settings.data_dir.absolute(), counts):
                # What was changed is for pipes, too; that this one waits is for a person only.
                stream = sys.stderr if isinstance(answer, Accepted) else sys.stdout
                for line in lines(answer):
                    print(line, file=stream, flush=True)
        except NobodyAnswers as error:
            raise CannotRun(f"{error}{_but_a_queue(settings)}") from None
        except asyncio.CancelledError:
            print("not waited for: what was begun goes on", file=sys.stderr)  # noqa: T201
            return _INTERRUPTED
        return 0

    try:
        return run_process("scale", work)
    except CannotRun as error:
        print(error, file=sys.stderr)  # noqa: T201 - for the person at the terminal
        return 1


def _but_a_queue(settings: Settings) -> str:
    folder = embedded_folder(settings)
    if folder is None or running(folder) is None:
        return ""
    return (
        "; its queue does run, but by something that takes no `todo scale`: another program, an older "
        "version, or a `todo up` that is only just starting"
    )
