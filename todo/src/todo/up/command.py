"""`todo up` as a command."""

from __future__ import annotations

import logging
import sys

from todo.components import QUEUE
from todo.process import run_process
from todo.queue_address import embedded_folder
from todo.settings import Settings, colours_wanted
from todo.up.application import AlreadyRunning, Application
from todo.up.output import Output, OutputHandler
from todo.up.plan import Options, Plan, make_plan


def up(options: Options) -> int:
    """Run what the options say; the exit status. Raises WrongPlan."""

    async def work(settings: Settings) -> int:
        plan = make_plan(options, embedded=embedded_folder(settings) is not None)
        output = _output(settings, plan)
        log = logging.getLogger()
        log.handlers[:] = [OutputHandler(output, log.handlers[0].formatter)]
        return await Application(settings, plan, output).run()

    try:
        return run_process("todo", work)
    except AlreadyRunning as error:
        print(error, file=sys.stderr)  # noqa: T201 - for the person at the terminal
        return 1


def _output(settings: Settings, plan: Plan) -> Output:
    """JSON lines say themselves whose they are."""
    names = ["todo", QUEUE, *(one.name for one in plan.instances)]
    prefixes = settings.log_format == "text"
    return Output(names, prefixes=prefixes, colours=sys.stdout.isatty() and colours_wanted())
