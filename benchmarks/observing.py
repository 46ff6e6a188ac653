"""What observing costs: the same handlers with nobody watching, with metrics, and with tracing."""

from __future__ import annotations

from benchmarks.comparison import Aim, Baseline, Candidate, Comparison, Figure, Options, Values
from benchmarks.process import run_program
from benchmarks.servers import queue_server

OURS = "benchmarks.ours.observing"

#: In each turn; so few that it takes less than a second.
MESSAGES = 20_000
TURNS = 20
one = Candidate("one by one", OURS, "one none")
one_metrics = Candidate("one by one, metrics", OURS, "one metrics")
one_tracing = Candidate("one by one, tracing", OURS, "one tracing")
batch = Candidate("batches of 500", OURS, "batch none")
batch_metrics = Candidate("batches of 500, metrics", OURS, "batch metrics")
batch_tracing = Candidate("batches of 500, tracing", OURS, "batch tracing")

rate = Figure("rate", "messages/s")
cpu = Figure("cpu", "processor time of the client, µs/message", more=False)
singly = Baseline("to one by one", [one])
batches = Baseline("to batches", [batch])
#: Metrics may cost three in a hundred.
AIM = 0.97


def comparison(options: Options) -> Comparison:
    """The comparison; `quick` is one round. Candidates of one kind take turns in one process."""
    measured: dict[tuple[str, str], Values] = {}
    turns = f"--turns={TURNS // (2 if options.quick else 1)}"

    async def measure(candidate: Candidate) -> Values:
        variant, kind = candidate.variant.split()
        if (variant, kind) not in measured:
            async with queue_server(fsync=options.fsync) as server:
                said = await run_program(OURS, server.url, variant, f"--messages={MESSAGES}", turns)
            measured.update({(variant, name): values for name, values in said.items()})
        return measured.pop((variant, kind))

    return Comparison(
        name="observing",
        title="Observing: handlers on NATS JetStream that do nothing, in turns",
        candidates=[one, one_metrics, one_tracing, batch, batch_metrics, batch_tracing],
        figures=[rate, cpu],
        baselines=[singly, batches],
        aims=[
            Aim(figure, candidate, baseline, AIM)
            for figure in (rate, cpu)
            for candidate, baseline in ((one_metrics, singly), (batch_metrics, batches))
        ],
        rounds=1 if options.quick else 3,
        measure=measure,
    )
