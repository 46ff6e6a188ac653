"""dovetail's handlers unwatched, with metrics, and with tracing, in short turns in this one process.

So what slows the machine for a while slows all of them alike. Between processes that run one after the other
a shared machine makes larger differences than those that are to be seen.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import time
from collections.abc import Sequence
from statistics import median

import uvloop
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from prometheus_client import CollectorRegistry

from benchmarks.ours.content import NewItem
from benchmarks.ours.handlers import BATCH, fill
from dovetail import Group, MessageQueue, Observer, Worker, connect
from dovetail.metrics import Metrics
from dovetail.tracing import Tracing

KINDS = ("none", "metrics", "tracing")


class Nowhere(SpanExporter):
    """Every span is recorded, and then dropped."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """As SpanExporter.export."""
        return SpanExportResult.SUCCESS


class Turn:
    """A group of its own that handles everything; what it took from the first call on."""

    def __init__(self, name: str, messages: int, *, batch: bool) -> None:
        self._expected = messages
        self._count = 0
        self._started = self._used = 0.0
        self._complete = asyncio.Event()
        self.group = Group(name)
        self.group.on(NewItem, batch=BATCH if batch else 0)(self._many if batch else self._one)

    async def _one(self, event: NewItem) -> None:
        if not self._count:
            self._started, self._used = time.perf_counter(), time.process_time()
        self._count += 1
        if self._count == self._expected:
            self._complete.set()

    async def _many(self, events: list[NewItem]) -> None:
        for event in events:
            await self._one(event)

    async def taken(self) -> tuple[float, float]:
        """Seconds, and seconds of this process's processor time, for each message."""
        await self._complete.wait()
        seconds, used = time.perf_counter() - self._started, time.process_time() - self._used
        return seconds / self._expected, used / self._expected


async def main(options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """The figures of each kind: medians of its turns."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Nowhere()))
    taken: dict[str, list[tuple[float, float]]] = {kind: [] for kind in KINDS}
    async with connect(options.url) as queue:
        await fill(queue, options.messages)
        watching: dict[str, list[Observer]] = {
            "none": [],
            "metrics": [Metrics(queue, registry=CollectorRegistry())],
            "tracing": [Tracing(system="nats", tracer_provider=provider)],
        }
        for number in range(options.turns):
            first = number % len(KINDS)
            for kind in (*KINDS[first:], *KINDS[:first]):
                turn = Turn(f"{kind}-{number}", options.messages, batch=options.variant == "batch")
                taken[kind].append(await _take(queue, turn, watching[kind]))
    provider.shutdown()
    return {kind: _figures(taken[kind]) for kind in KINDS}


async def _take(
    queue: MessageQueue, turn: Turn, observers: Sequence[Observer]
) -> tuple[float, float]:
    gc.collect()
    async with Worker(queue, [turn.group], observers=observers):
        return await turn.taken()


def _figures(taken: Sequence[tuple[float, float]]) -> dict[str, float]:
    return {
        "rate": 1 / median(seconds for seconds, _ in taken),
        "cpu": median(used for _, used in taken) * 1e6,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("variant")
    parser.add_argument("--messages", type=int, default=0)
    parser.add_argument("--turns", type=int, default=0)
    print(json.dumps(uvloop.run(main(parser.parse_args()))))
