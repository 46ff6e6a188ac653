"""Handlers: stored messages, each decoded, handled by one call or in one batch, and acked."""

from __future__ import annotations

from benchmarks.contest import Aim, Baseline, Contender, Contest, Figure, Options, Values
from benchmarks.process import run_contender
from benchmarks.servers import queue_server

RAW = "benchmarks.peers.raw_handlers"
FASTSTREAM = "benchmarks.peers.faststream_handlers"
OURS = "benchmarks.ours.handlers"

# Each is given so many messages that it is busy for about a second.
one = Contender("dovetail, one by one", OURS, "one", 60_000)
batch = Contender("dovetail, batches of 500", OURS, "batch", 60_000)
pulls = Contender("nats-py, own pull requests, pipelined", RAW, "pulls", 60_000)
fetch = Contender("nats-py, fetch", RAW, "fetch", 25_000)
push_model = Contender("FastStream, push, pydantic", FASTSTREAM, "push-pydantic", 8_000)
push = Contender("FastStream, push, msgspec decoder", FASTSTREAM, "push-decoder", 12_000)
pull = Contender("FastStream, pull, msgspec decoder", FASTSTREAM, "pull-decoder", 6_000)
lists = Contender("FastStream, batches of 500, msgspec", FASTSTREAM, "batch-decoder", 15_000)

rate = Figure("rate", "messages/s")
cpu = Figure("cpu", "processor time of the client, µs/message", more=False)
raw = Baseline("to raw", [pulls, fetch])
documented = Baseline("to FastStream as documented", [push_model])
faststream = Baseline("to it at its fastest", [push_model, push, pull])


def contest(options: Options) -> Contest:
    """The contest; `quick` is two rounds with a quarter of the messages."""

    async def measure(contender: Contender) -> Values:
        messages = contender.messages // (4 if options.quick else 1)
        async with queue_server(fsync=options.fsync) as server:
            return await run_contender(contender, server.url, f"--messages={messages}")

    return Contest(
        name="handlers",
        title="Handlers on NATS JetStream: each message decoded, handled, acked",
        contenders=[one, batch, pulls, fetch, push_model, push, pull, lists],
        figures=[rate, cpu],
        baselines=[raw, documented, faststream],
        aims=[Aim(rate, one, documented, 6.0), Aim(rate, one, faststream, 6.0)],
        rounds=2 if options.quick else 5,
        measure=measure,
    )
