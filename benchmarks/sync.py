"""What it costs to be safe from a loss of power: the embedded server, with either way of syncing."""

from __future__ import annotations

import tempfile

from benchmarks.contest import Baseline, Contender, Contest, Options, Values
from benchmarks.process import run_contender
from benchmarks.publish import OURS, cpu, hundred, single, thousand
from dovetail.embedded import EmbeddedServer, Sync

interval = Contender("embedded:, synced once a second", OURS, "publish")
always = Contender("embedded:?sync=always", OURS, "publish")
SYNC: dict[str, Sync] = {interval.label: "interval", always.label: "always"}

default = Baseline("to the default", [interval])


def contest(options: Options) -> Contest:
    """The contest; `quick` is two rounds of 0.2 s for each figure."""
    seconds = 0.2 if options.quick else 1.0

    async def measure(contender: Contender) -> Values:
        with tempfile.TemporaryDirectory(prefix="dovetail-bench-") as folder:
            async with EmbeddedServer(folder, 0, 0, sync=SYNC[contender.label]) as server:
                return await run_contender(contender, server.url, f"--seconds={seconds}")

    return Contest(
        name="sync",
        title="Confirmed publish on the embedded server, messages/s",
        contenders=[interval, always],
        figures=[single, hundred, thousand, cpu],
        baselines=[default],
        aims=[],
        rounds=2 if options.quick else 5,
        measure=measure,
    )
