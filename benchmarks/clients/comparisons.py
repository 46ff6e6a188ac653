"""One comparison for each technology: our client, and the libraries that could take its place."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import chain

from benchmarks.clients import notes
from benchmarks.comparison import Aim, Baseline, Candidate, Comparison, Figure, Options, Values
from benchmarks.process import run_candidate, run_program, run_python
from benchmarks.servers import queue_server
from dovetail.testing.servers import RabbitServer, RedisServer

RUN, MEMORY = "benchmarks.clients.run", "benchmarks.clients.memory"
#: Our client stays where it is so many times as fast as the best library, at handling or at publishing.
WORTH_IT = 1.5

CPU = "{}, processor time, µs/message"
rate = Figure("rate", "handlers, messages/s")
cpu = Figure("cpu", CPU.format("handlers"), more=False)
single = Figure("1", "confirmed publish, 1 at a time, messages/s")
hundred = Figure("100", "confirmed publish, 100 by one caller, messages/s")
hundred_cpu = Figure("100 cpu", CPU.format("100 by one caller"), more=False)
tasks = Figure("tasks", "confirmed publish, 100 by a task each, messages/s")
tasks_cpu = Figure("tasks cpu", CPU.format("100 by a task each"), more=False)
import_alone = Figure("import", "import, ms", more=False)
import_beside = Figure("beside", "import where dovetail is imported already, ms", more=False)
memory = Figure("memory", "memory once connected, MiB", more=False)
FIGURES = [
    *(rate, cpu, single, hundred, hundred_cpu, tasks, tasks_cpu),
    *(import_alone, import_beside, memory),
]
PUBLISH_SECONDS = 0.2

#: Prints the milliseconds that an import takes; what the interpreter takes itself is not in them.
_IMPORT = """
import sys, time
for module in sys.argv[1:]:
    started = time.perf_counter()
    __import__(module)
print((time.perf_counter() - started) * 1000)
"""

#: An address for each measurement, on a server or a part of one that nobody else has.
Place = Callable[[], AbstractAsyncContextManager[str]]


@asynccontextmanager
async def _on_nats() -> AsyncIterator[str]:
    async with queue_server() as server:
        yield server.url


@asynccontextmanager
async def _on_redis() -> AsyncIterator[str]:
    """It syncs each second: what a client does would be hidden behind the disk."""
    async with RedisServer(settings={"appendfsync": "everysec"}) as server:
        yield server.url


class _OnRabbitMQ:
    """It takes seconds to start: one for the whole comparison, with a virtual host for each measurement."""

    def __init__(self) -> None:
        self.server = RabbitServer()
        self._hosts = 0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[str]:
        self._hosts += 1
        yield await self.server.add_vhost(f"bench{self._hosts}")


def _candidate(label: str, client: str, messages: int) -> Candidate:
    return Candidate(label, RUN, f"benchmarks.{client}", messages)


# Each is given so many messages that it is busy for about half a second.
nats = _candidate("dovetail", "ours.client_nats:", 50_000)
nats_py = _candidate("nats-py, own pulls, publish_async", "peers.client_nats_py:pulls", 20_000)
nats_py_fetch = _candidate("nats-py, fetch, publish", "peers.client_nats_py:fetch", 15_000)
redis = _candidate("dovetail", "ours.client_redis:", 60_000)
redis_py = _candidate("redis-py, hiredis", "peers.client_redis_py:", 60_000)
coredis = _candidate("coredis", "peers.client_coredis:", 40_000)
rabbitmq = _candidate("dovetail", "ours.client_rabbitmq:", 25_000)
aiormq = _candidate("aiormq", "peers.client_aiormq:", 3_000)

#: What a program imports for each.
IMPORTED = {
    nats.variant: "dovetail.transports.nats.client",
    nats_py.variant: "nats",
    nats_py_fetch.variant: "nats",
    redis.variant: "dovetail.transports.redis.client",
    redis_py.variant: "redis.asyncio",
    coredis.variant: "coredis",
    rabbitmq.variant: "dovetail.transports.rabbitmq.client",
    aiormq.variant: "aiormq",
}


@dataclass(frozen=True)
class _Technology:
    """What is compared on it: ours, and the libraries by their names."""

    name: str
    ours: Candidate
    libraries: dict[str, list[Candidate]]
    notes: str
    #: In what our client is to be so many times as fast: what our transport does with it.
    judged_by: tuple[Figure, ...] = (rate, single, hundred, tasks)

    def comparison(
        self,
        options: Options,
        place: Place,
        during: AbstractAsyncContextManager[object] | None = None,
    ) -> Comparison:
        """`quick` is two rounds with a quarter of the messages."""
        peers = [*chain(*self.libraries.values())]
        best = Baseline("to the best", peers)
        return Comparison(
            name=self.name,
            title=f"Clients of {self.name}",
            candidates=[self.ours, *peers],
            figures=FIGURES,
            baselines=[Baseline(f"to {name}", some) for name, some in self.libraries.items()],
            aims=[Aim(figure, self.ours, best, WORTH_IT) for figure in self.judged_by],
            rounds=2 if options.quick else 7,
            measure=partial(_measure, options, place),
            during=during or nullcontext(),
            notes=self.notes,
        )


NATS = _Technology("NATS JetStream", nats, {"nats-py": [nats_py, nats_py_fetch]}, notes.NATS)
REDIS = _Technology(
    "Redis streams",
    redis,
    {"redis-py": [redis_py], "coredis": [coredis]},
    notes.REDIS,
    judged_by=(rate, single, hundred),  # it joins what tasks publish
)
RABBITMQ = _Technology("RabbitMQ quorum queues", rabbitmq, {"aiormq": [aiormq]}, notes.RABBITMQ)


def comparisons(options: Options) -> list[Comparison]:
    """One for each technology."""
    on_rabbitmq = _OnRabbitMQ()
    return [
        NATS.comparison(options, _on_nats),
        REDIS.comparison(options, _on_redis),
        RABBITMQ.comparison(options, on_rabbitmq.place, on_rabbitmq.server),
    ]


async def _measure(options: Options, place: Place, candidate: Candidate) -> Values:
    part = 4 if options.quick else 1
    async with place() as url:
        values = await run_candidate(candidate, url, f"--messages={candidate.messages // part}")
    async with place() as url:
        values |= await run_candidate(candidate, url, f"--seconds={PUBLISH_SECONDS / part}")
        values |= await run_program(MEMORY, url, candidate.variant)
    imported = IMPORTED[candidate.variant]
    values["import"] = await run_python("-c", _IMPORT, imported)
    values["beside"] = await run_python("-c", _IMPORT, "dovetail", imported)
    return values
