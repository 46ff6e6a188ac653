"""The command line: up, scale, run, migrate, rebuild, health."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

import click

from todo.components import COMPONENTS, SCALABLE

# Commands import what they need when they are called, so that `--help` and a typing error are quick.


class _Commands(click.Group):
    """Says in a line that there is too little memory, wherever that is found out."""

    def main(self, *arguments: Any, **options: Any) -> Any:
        try:
            return super().main(*arguments, **options)
        except MemoryError:
            os.write(2, b"todo: there is too little memory to start\n")
            sys.exit(1)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="dovetail-todo", message="todo %(version)s")
def main() -> None:
    """A to-do list of small components that only talk through a queue.

    Settings are variables like TODO_WEB_PORT, or lines like `web_port = 8080` in a file todo.toml.
    """


@main.command()
@click.option("--only", default="", metavar="A,B", help="Run just these components.")
@click.option("--with", "added", default="", metavar="A,B", help="Run these, too.")
@click.option("--without", default="", metavar="A,B", help="Leave these out.")
@click.option(
    "--scale", multiple=True, metavar="NAME=N", help="Run N of this handler. May be repeated."
)
def up(only: str, added: str, without: str, scale: tuple[str, ...]) -> None:
    """Run the application, one process for each component.

    These are queue, web, api and save-handler. The others are features that can be added while it
    runs, with `todo run`; `todo scale` changes how many handlers there are. Ctrl-C stops everything
    in order.

    \b
    Examples:
      todo up
      todo up --scale save-handler=3
      todo up --only queue,web
      todo up --with audit-handler,mutating-handler
    """
    plan = import_module("todo.up.plan")
    try:
        options = plan.read_options(only, added, without, scale)
        sys.exit(import_module("todo.up.command").up(options))
    except plan.WrongPlan as error:
        raise click.UsageError(str(error)) from None


def _complete_counts(context: click.Context, parameter: click.Parameter, word: str) -> list[str]:
    counts = (f"{name}={count}" for name in SCALABLE for count in range(4))
    return [count for count in counts if count.startswith(word)]


@main.command()
@click.argument("counts", nargs=-1, metavar="[NAME=N]...", shell_complete=_complete_counts)
def scale(counts: tuple[str, ...]) -> None:
    """Change how many handlers `todo up` runs, while it runs.

    NAME is a handler (save-, audit-, mutating-, search-, calendar- or webhook-handler), N a number
    from 0 to 100. More are started; of too many the newest finish what they have in hand and end,
    and nothing is lost. It returns when that is done, and says what runs then. Names that are not
    given stay as they are; without any, it lists what runs.

    \b
    Examples:
      todo scale                                   lists what runs
      todo scale save-handler=3                    three share the work
      todo scale audit-handler=1 save-handler=2    starts a feature that `todo up` did not
      todo scale save-handler=0                    items wait until there is one again

    It changes the `todo up` that runs the queue of the data folder (TODO_DATA_DIR); where the queue
    is a server of your own, the one that was started first. What `todo run` started is not counted.
    """
    plan = import_module("todo.up.plan")
    try:
        wanted = plan.read_counts(counts)
    except plan.WrongPlan as error:
        raise click.UsageError(str(error)) from None
    sys.exit(import_module("todo.scale.command").scale(wanted))


@main.command()
@click.argument("component", type=click.Choice(COMPONENTS), metavar="COMPONENT")
@click.option("--supervised", is_flag=True, hidden=True, help="End when stdin does.")
def run(component: str, supervised: bool) -> None:
    """Run one component in the foreground.

    COMPONENT is web, api, or a handler: save-, audit-, mutating-, search-, calendar- or
    webhook-handler. It joins the queue that is running: with the setting TODO_QUEUE_URL left as it
    is, that of `todo up` on the same data folder.
    """
    process = import_module("todo.process")
    if supervised:
        process.end_with_parent()
    work = import_module("todo.bootstrap").COMPONENTS[component]
    sys.exit(process.run_process(component, work, import_module("uvloop").new_event_loop))


@main.command()
def migrate() -> None:
    """Bring the database's schema up to date, and end.

    Not needed in general: every component does so when it starts.
    """
    work = import_module("todo.bootstrap").migrate
    sys.exit(import_module("todo.process").run_process("migrate", work))


@main.command()
def rebuild() -> None:
    """Make the database anew from the events that the queue has kept, and end.

    The queue must run; everything else may run or not. A database that was lost is there again when
    this ends, as far back as the history of the queue reaches, which it says: TODO_HISTORY days, or
    all of it where that is "forever". A SQLite file that is damaged is set aside first.

    What the history does not tell of stays as it is, and ending this in the middle does no harm.
    """
    work = import_module("todo.bootstrap").rebuild
    process = import_module("todo.process")
    try:
        sys.exit(process.run_process("rebuild", work))
    except process.CannotRun as error:
        raise click.ClickException(str(error)) from None


@main.command()
@click.option("--ready", is_flag=True, help="Ask also whether it reaches its queue and database.")
def health(ready: bool) -> None:
    """Say how the component is that runs here.

    It is asked at the port TODO_METRICS_PORT. The exit status is 0 where all is well, 2
    where a setting is wrong, and 1 otherwise.
    Of `todo up`, that port is the first component's.
    """
    health_check = import_module("todo.monitoring.health_check")
    try:
        click.echo(health_check.check_health(ready=ready))
    except health_check.Unhealthy as error:
        click.echo(error, err=True)
        sys.exit(error.status)
