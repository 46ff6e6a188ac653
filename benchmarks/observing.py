"""What observing costs: the same handlers with nobody watching, with metrics, and with tracing."""

from __future__ import annotations

from benchmarks.contest import Aim, Baseline, Contender, Contest, Figure, Options, Values
from benchmarks.process import run_contender
from benchmarks.servers import queue_server

OURS = "benchmarks.ours.observing"

#: As many as keep each busy for a second or two.
MESSAGES = 80_000
one = Contender("one by one", OURS, "one", MESSAGES)
one_metrics = Contender("one by one, metrics", OURS, "one-metrics", MESSAGES)
one_tracing = Contender("one by one, tracing", OURS, "one-tracing", MESSAGES)
batch = Contender("batches of 500", OURS, "batch", MESSAGES)
batch_metrics = Contender("batches of 500, metrics", OURS, "batch-metrics", MESSAGES)
batch_tracing = Contender("batches of 500, tracing", OURS, "batch-tracing", MESSAGES)

rate = Figure("rate", "messages/s")
cpu = Figure("cpu", "processor time of the client, µs/message", more=False)
singly = Baseline("to one by one", [one])
batches = Baseline("to batches", [batch])
#: Of the rate, and of the processor time.
AIM = 0.97


def contest(options: Options) -> Contest:
    """The contest; `quick` is three rounds with a quarter of the messages."""

    async def measure(contender: Contender) -> Values:
        messages = contender.messages // (4 if options.quick else 1)
        async with queue_server(fsync=options.fsync) as server:
            return await run_contender(contender, server.url, f"--messages={messages}")

    return Contest(
        name="observing",
        title="Observing: handlers on NATS JetStream that do nothing",
        contenders=[one, one_metrics, one_tracing, batch, batch_metrics, batch_tracing],
        figures=[rate, cpu],
        baselines=[singly, batches],
        aims=[
            Aim(figure, contender, baseline, AIM)
            for figure in (rate, cpu)
            for contender, baseline in ((one_metrics, singly), (batch_metrics, batches))
        ],
        rounds=3 if options.quick else 9,
        measure=measure,
    )
