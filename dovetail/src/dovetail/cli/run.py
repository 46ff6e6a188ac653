"""`dovetail run`."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import Any

import click

from dovetail.cli.address import VARIABLE, Address
from dovetail.cli.exit_status import INTERRUPTED, Ending
from dovetail.cli.loading import find, groups_from
from dovetail.cli.logs import show_everything
from dovetail.cli.loop import run, run_service
from dovetail.cli.output import note
from dovetail.cli.seconds import Seconds
from dovetail.cli.signals import first, stop_signals
from dovetail.limits import DRAIN_SECONDS
from dovetail.network.server_address import without_secrets
from dovetail.worker import Worker, finishing


@dataclass(frozen=True)
class Running:
    """What to run, and how."""

    address: Address
    target: str
    workers: int
    #: Seconds.
    drain: float
    #: Which of several workers this process is; 0 where it is the only one.
    number: int


@click.command("run")
@click.argument("target", metavar="MODULE:NAME")
@click.option("--url", help=f"The queue's address; {VARIABLE} where it is left out.")
@click.option(
    "--workers", type=click.IntRange(1, 1000), default=1, metavar="N", help="Start N processes."
)
@click.option(
    "--drain",
    type=Seconds(),
    default=DRAIN_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="How long to finish what is in hand when told to stop.",
)
@click.option("--number", type=int, default=0, hidden=True)
def command(url: str | None, **given: Any) -> None:
    """Run the handlers of groups until Ctrl-C or SIGTERM, then finish what is in hand.

    NAME in MODULE is a Group, a list of Groups, or a function that makes one of these. The current
    folder comes first where MODULE is looked for.

    \b
    dovetail run app.handlers:group --url nats://localhost:4222 --workers 3
    """
    what = Running(address=_address(url), **given)
    run(what.address.check())
    found = find(what.target)
    status = _run_processes(what) if what.workers > 1 else run_service(_work(what, found))
    if status:
        raise Ending("", status)


def _address(url: str | None) -> Address:
    if url:
        return Address(url, "--url")
    if known := os.environ.get(VARIABLE):
        return Address(known, VARIABLE)
    raise click.UsageError(f"no queue: give --url, or set {VARIABLE}", click.get_current_context())


def _run_processes(what: Running) -> int:
    from dovetail.cli.processes import Plan, Processes  # noqa: PLC0415 - only needed here

    plan = Plan(
        arguments=["run", what.target, "--drain", str(what.drain)],
        # not on the command line, where everyone on the machine could read its password
        environment={VARIABLE: what.address.url},
        workers=what.workers,
        drain=what.drain,
    )

    async def supervise() -> int:
        return await Processes(plan).run()

    return asyncio.run(supervise())


async def _work(what: Running, found: Any) -> int:
    """Run the groups in this process; returns the exit status."""
    show_everything(f"[{what.number}] " if what.number else "")
    groups = await groups_from(found, what.target)
    names = ", ".join(dict.fromkeys(group.name for group in groups))
    async with what.address.connected(patience=None) as queue:
        with stop_signals(lambda: os._exit(INTERRUPTED)) as signalled:
            async with Worker(queue, groups, drain=what.drain) as worker:
                if not what.number:
                    note(f"Running {names} at {without_secrets(what.address.url)}. Ctrl-C stops.")
                status = await first(worker, signalled)
                if count := worker.in_hand:
                    label = f"[{what.number}] " if what.number else ""
                    words = finishing(count, what.drain)
                    note(f"{label}Stopping: {words}. Ctrl-C again stops at once.")
                elif not what.number:
                    note(f"Stopping: what is in hand is finished, within {what.drain:g} s.")
    return status
