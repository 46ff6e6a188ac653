"""The command line: up, run, migrate, health."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from todo.components import COMPONENTS

# Commands import what they need when they are called, so that `--help` and a typing error are quick.


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
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

    These are queue, web, api and save-handler. Two more, audit-handler and mutating-handler, are
    features that can be added while it runs, with `todo run`. Ctrl-C stops everything in order.

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


@main.command()
@click.argument("component", type=click.Choice(COMPONENTS), metavar="COMPONENT")
@click.option("--supervised", is_flag=True, hidden=True, help="End when stdin does.")
def run(component: str, supervised: bool) -> None:
    """Run one component in the foreground.

    COMPONENT is web, api, save-handler, audit-handler or mutating-handler. It joins the queue that
    is running: with the setting TODO_QUEUE_URL left as it is, that of `todo up` on the same data
    folder.
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
@click.option("--ready", is_flag=True, help="Ask also whether it reaches its queue and database.")
def health(ready: bool) -> None:
    """Say how the component is that runs here.

    It is asked at the port TODO_METRICS_PORT. The exit status is 0 where all is well, and 1 otherwise.
    Of `todo up`, that port is the first component's.
    """
    asking = import_module("todo.monitoring.asking")
    try:
        click.echo(asking.ask(ready=ready))
    except asking.Unhealthy as error:
        click.echo(error, err=True)
        sys.exit(1)
