"""What it costs to be safe from a loss of power: the embedded server, with either way of syncing."""

from __future__ import annotations

import tempfile

from benchmarks.comparison import Baseline, Candidate, Comparison, Options, Values
from benchmarks.process import run_candidate
from benchmarks.publish import OURS, cpu, hundred, single, thousand
from dovetail.embedded import EmbeddedServer, Sync

interval = Candidate("embedded:, synced once a second", OURS, "publish")
always = Candidate("embedded:?sync=always", OURS, "publish")
SYNC: dict[str, Sync] = {interval.label: "interval", always.label: "always"}

default = Baseline("to the default", [interval])


def comparison(options: Options) -> Comparison:
    """The comparison; `quick` is two rounds of 0.2 s for each figure."""
    seconds = 0.2 if options.quick else 1.0

    async def measure(candidate: Candidate) -> Values:
        with tempfile.TemporaryDirectory(prefix="dovetail-bench-") as folder:
            async with EmbeddedServer(folder, 0, 0, sync=SYNC[candidate.label]) as server:
                return await run_candidate(candidate, server.url, f"--seconds={seconds}")

    return Comparison(
        name="sync",
        title="Confirmed publish on the embedded server, messages/s",
        candidates=[interval, always],
        figures=[single, hundred, thousand, cpu],
        baselines=[default],
        aims=[],
        rounds=2 if options.quick else 5,
        measure=measure,
    )
