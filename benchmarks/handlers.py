"""Handlers: stored messages, each decoded, handled by one call or in one batch, and acked."""

from __future__ import annotations

from benchmarks.comparison import Aim, Baseline, Candidate, Comparison, Figure, Options, Values
from benchmarks.process import run_candidate
from benchmarks.servers import queue_server

RAW = "benchmarks.peers.raw_handlers"
FASTSTREAM = "benchmarks.peers.faststream_handlers"
OURS = "benchmarks.ours.handlers"

# Each is given so many messages that it is busy for about a second.
one = Candidate("dovetail, one by one", OURS, "one", 60_000)
batch = Candidate("dovetail, batches of 500", OURS, "batch", 60_000)
pulls = Candidate("nats-py, own pull requests, pipelined", RAW, "pulls", 60_000)
fetch = Candidate("nats-py, fetch", RAW, "fetch", 25_000)
push_model = Candidate("FastStream, push, pydantic", FASTSTREAM, "push-pydantic", 8_000)
push = Candidate("FastStream, push, msgspec decoder", FASTSTREAM, "push-decoder", 12_000)
pull = Candidate("FastStream, pull, msgspec decoder", FASTSTREAM, "pull-decoder", 6_000)
lists = Candidate("FastStream, batches of 500, msgspec", FASTSTREAM, "batch-decoder", 15_000)

rate = Figure("rate", "messages/s")
cpu = Figure("cpu", "processor time of the client, µs/message", more=False)
raw = Baseline("to raw", [pulls, fetch])
documented = Baseline("to FastStream as documented", [push_model])
faststream = Baseline("to it at its fastest", [push_model, push, pull])


def comparison(options: Options) -> Comparison:
    """The comparison; `quick` is two rounds with a quarter of the messages."""

    async def measure(candidate: Candidate) -> Values:
        messages = candidate.messages // (4 if options.quick else 1)
        async with queue_server(fsync=options.fsync) as server:
            return await run_candidate(candidate, server.url, f"--messages={messages}")

    return Comparison(
        name="handlers",
        title="Handlers on NATS JetStream: each message decoded, handled, acked",
        candidates=[one, batch, pulls, fetch, push_model, push, pull, lists],
        figures=[rate, cpu],
        baselines=[raw, documented, faststream],
        aims=[Aim(rate, one, documented, 6.0), Aim(rate, one, faststream, 6.0)],
        rounds=2 if options.quick else 5,
        measure=measure,
    )
