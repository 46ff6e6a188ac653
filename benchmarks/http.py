"""`POST /todo` over HTTP: each program is one process, and says 202 once the item is on a store."""

from __future__ import annotations

from benchmarks import wrk
from benchmarks.comparison import (
    Aim,
    Baseline,
    Candidate,
    CandidateFailed,
    Comparison,
    Figure,
    Options,
    Values,
)
from benchmarks.programs import running
from benchmarks.servers import database_server, queue_server

todo = Candidate("todo run api, on NATS", "todo")
postgres = Candidate("FastAPI + SQLAlchemy + PostgreSQL", "benchmarks.peers.fastapi_postgres")
faststream = Candidate("FastAPI + FastStream, on NATS", "benchmarks.peers.fastapi_faststream")

rate = Figure("rate", "accepted/s")
p50 = Figure("p50", "p50, ms", more=False)
p99 = Figure("p99", "p99, ms", more=False)
cpu = Figure("cpu", "processor time of the program, µs/request", more=False)
to_postgres = Baseline("to synchronous", [postgres])
to_faststream = Baseline("to FastStream", [faststream])

WARM_UP_SECONDS = 1


def comparison(options: Options) -> Comparison:
    """The comparison; `quick` is one round of 2 s for each."""

    async def measure(candidate: Candidate) -> Values:
        async with (
            (
                database_server() if candidate is postgres else queue_server(fsync=options.fsync)
            ) as server,
            running(candidate.module, server.url) as program,
        ):
            before = await wrk.post(program.url, WARM_UP_SECONDS)
            used = program.processor_seconds()
            found = await wrk.post(program.url, 2 if options.quick else 5)
            used = program.processor_seconds() - used
            there = await program.items()
        if failures := before["failed"] + found["failed"]:
            raise CandidateFailed(f"{failures:.0f} answers were not 202")
        if there < (accepted := before["accepted"] + found["accepted"]):
            raise CandidateFailed(f"{accepted:.0f} were accepted, but only {there} are stored")
        accepted_per_second = found["accepted"] / found["seconds"]
        return {"rate": accepted_per_second, "cpu": used / found["accepted"] * 1e6, **found}

    return Comparison(
        name="http",
        title=f"POST /todo, {wrk.CLIENTS} keep-alive clients, every answer 202",
        candidates=[todo, postgres, faststream],
        figures=[rate, p50, p99, cpu],
        baselines=[to_postgres, to_faststream],
        aims=[
            Aim(rate, todo, to_postgres, 8.0),
            Aim(rate, todo, to_faststream, 2.5),
            Aim(p99, todo, to_postgres, 1.0),
            Aim(p99, todo, to_faststream, 1.0),
        ],
        rounds=1 if options.quick else 3,
        measure=measure,
    )
