"""Confirmed publish: a message counts once JetStream has said that it is stored."""

from __future__ import annotations

from benchmarks.comparison import Aim, Baseline, Candidate, Comparison, Figure, Options, Values
from benchmarks.process import run_candidate
from benchmarks.servers import queue_server

RAW = "benchmarks.peers.raw_publish"
FASTSTREAM = "benchmarks.peers.faststream_publish"
OURS = "benchmarks.ours.publish"

publish = Candidate("dovetail, publish", OURS, "publish")
many = Candidate("dovetail, publish_many", OURS, "publish_many")
asynchronous = Candidate("nats-py, publish_async", RAW, "async")
asynchronous_id = Candidate("nats-py, publish_async, Nats-Msg-Id", RAW, "async-id")
gathered = Candidate("nats-py, publish gathered", RAW, "gather")
gathered_id = Candidate("nats-py, publish gathered, Nats-Msg-Id", RAW, "gather-id")
pydantic = Candidate("FastStream, pydantic", FASTSTREAM, "pydantic")
msgspec = Candidate("FastStream, msgspec", FASTSTREAM, "msgspec")

single = Figure("1", "1 at a time")
hundred = Figure("100", "100 at once")
thousand = Figure("1000", "1,000 at once")
cpu = Figure("cpu", "100 at once, processor time of the client, µs/message", more=False)
raw = Baseline("to raw", [asynchronous, gathered])
raw_id = Baseline("to raw with id", [asynchronous_id, gathered_id])
faststream = Baseline("to FastStream", [pydantic, msgspec])


def comparison(options: Options) -> Comparison:
    """The comparison; `quick` is two rounds of 0.2 s for each figure."""
    seconds = 0.2 if options.quick else 0.4

    async def measure(candidate: Candidate) -> Values:
        async with queue_server(fsync=options.fsync) as server:
            return await run_candidate(candidate, server.url, f"--seconds={seconds}")

    return Comparison(
        name="publish",
        title="Confirmed publish on NATS JetStream, messages/s",
        candidates=[
            *(publish, many, asynchronous, asynchronous_id),
            *(gathered, gathered_id, pydantic, msgspec),
        ],
        figures=[single, hundred, thousand, cpu],
        baselines=[raw, raw_id, faststream],
        aims=[Aim(hundred, publish, faststream, 1.8)],
        rounds=2 if options.quick else 4,
        measure=measure,
    )
