"""Metrics for Prometheus. Needs prometheus-client: the extra `metrics` of dovetail-messaging.

    registry = CollectorRegistry()
    async with connect(url) as queue:
        await run(queue, groups, observers=[Metrics(queue, registry=registry)])

Counting costs a handler nearly nothing: plain numbers are kept, and become metrics when they are scraped.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

from dovetail import clock
from dovetail.checks.arguments import check
from dovetail.checks.extras import missing_for
from dovetail.checks.rules import an_object, each, seconds
from dovetail.errors import ConfigurationError
from dovetail.observer import LONG_SECONDS, Observer, Settled
from dovetail.observing.status_reading import Reading, StatusReading
from dovetail.queue import MessageQueue

try:
    from prometheus_client.core import (
        CollectorRegistry,
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
        Metric,
    )
    from prometheus_client.registry import Collector
except ModuleNotFoundError as error:
    raise missing_for("dovetail.metrics", "prometheus-client", "metrics", error) from error

#: Upper bounds of the histogram's buckets, in seconds.
BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

_BUCKETS = each(seconds(above=0), "a list of numbers of seconds")
_LABELS = ("group", "subject")
#: What is counted for each group and subject, by the name in Settled.
_COUNTERS = {
    "handled": "Messages handled and acked, or requests answered.",
    "failed": "Attempts that failed; a pause for a dependency that is down is none.",
    "retried": "Failed attempts that were given back for another one.",
    "dead": "Messages given up and put with the dead letters.",
    "published": "Messages that handlers returned and the queue has.",
}


class _Numbers:
    """Those of one group and subject."""

    def __init__(self, buckets: int) -> None:
        self.handled = self.failed = self.retried = self.dead = self.published = 0
        self.seconds = 0.0
        self.buckets = [0] * buckets
        self.in_hand = 0
        self.joined = 0


class Metrics(Observer, Collector):
    """Observes any number of workers on one queue, and shows how the queue does.

    Registers itself with `registry`, which a server of yours exposes; scraped in any thread. The queue's
    status is read in the background, because of a scrape and at most once in five seconds: what a scrape
    shows is what the one before asked for, `dovetail_status_seconds` old. Make it where the event loop of
    the queue runs. `buckets` are upper bounds in seconds, LONG_SECONDS at least, or ConfigurationError is
    raised; ValueError where the registry has metrics of these names already.
    """

    def __init__(
        self,
        queue: MessageQueue,
        *,
        registry: CollectorRegistry,
        buckets: Sequence[float] = BUCKETS,
    ) -> None:
        check("Metrics", "queue", queue, an_object(MessageQueue, "a queue, as connect(…) gives it"))
        check("Metrics", "registry", registry, an_object(CollectorRegistry, "a CollectorRegistry"))
        self._queue = queue
        self._status = StatusReading(queue)
        self._bounds = tuple(sorted(check("Metrics", "buckets", buckets, _BUCKETS)))
        if not buckets or self._bounds[0] < LONG_SECONDS:
            raise ConfigurationError(f"the histogram's buckets begin at {LONG_SECONDS} s or above")
        self._numbers: dict[tuple[str, str], _Numbers] = {}
        registry.register(self)

    # As Observer

    def joined(self, group: str, subject: str) -> None:
        """As Observer.joined."""
        self._of(group, subject).joined += 1

    def left(self, group: str, subject: str) -> None:
        """As Observer.left."""
        self._of(group, subject).joined -= 1

    def in_hand(self, group: str, subject: str, change: int) -> None:
        """As Observer.in_hand."""
        self._of(group, subject).in_hand += change

    def settled(self, group: str, subject: str, what: Settled) -> None:
        """As Observer.settled."""
        numbers = self._of(group, subject)
        numbers.handled += what.handled
        numbers.failed += what.failed
        numbers.retried += what.retried
        numbers.dead += what.dead
        numbers.published += what.published
        numbers.seconds += what.seconds
        numbers.buckets[0] += what.calls - len(what.long)
        for one in what.long:
            numbers.buckets[bisect_left(self._bounds, one)] += 1

    def _of(self, group: str, subject: str) -> _Numbers:
        place = group, subject
        numbers = self._numbers.get(place)
        if numbers is None:
            numbers = self._numbers[place] = _Numbers(len(self._bounds) + 1)
        return numbers

    # As Collector

    def describe(self) -> Iterator[Metric]:
        """As Collector.describe: the names, without asking the queue."""
        yield from self._handlers([])
        yield from self._queue_metrics(None)

    def collect(self) -> Iterator[Metric]:
        """As Collector.collect."""
        yield from self._handlers(list(self._numbers.items()))
        yield from self._queue_metrics(self._status.latest())

    def _handlers(self, rows: list[tuple[tuple[str, str], _Numbers]]) -> Iterator[Metric]:
        for name, text in _COUNTERS.items():
            counter = CounterMetricFamily(f"dovetail_messages_{name}", text, labels=_LABELS)
            for place, numbers in rows:
                counter.add_metric(place, getattr(numbers, name))
            yield counter
        yield self._histogram(rows)
        flight = _gauge(
            "dovetail_messages_in_flight", "Messages that this process has not settled."
        )
        joined = _gauge("dovetail_group_joined", "1 while a worker of this process has joined.")
        for place, numbers in rows:
            flight.add_metric(place, numbers.in_hand)
            joined.add_metric(place, int(numbers.joined > 0))
        yield from (flight, joined)

    def _histogram(self, rows: list[tuple[tuple[str, str], _Numbers]]) -> Metric:
        histogram = HistogramMetricFamily(
            "dovetail_handler_seconds", "How long calls of handlers took.", labels=_LABELS
        )
        bounds = [*map(str, self._bounds), "+Inf"]
        for place, numbers in rows:
            counts = accumulate(numbers.buckets)
            histogram.add_metric(place, list(zip(bounds, counts, strict=True)), numbers.seconds)
        return histogram

    def _queue_metrics(self, reading: Reading | None) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "dovetail_queue_connected",
            "1 while the connection to the queue stands.",
            value=int(self._queue.connected),
        )
        groups = [_gauge(f"dovetail_group_{name}", text) for name, text in _GROUPS.items()]
        for row in reading.status.groups if reading else ():
            oldest = 0.0
            if reading and row.oldest:
                oldest = max(0.0, (reading.at - row.oldest).total_seconds())
            values = (row.waiting, row.in_hand, row.dead, oldest)
            for gauge, value in zip(groups, values, strict=True):
                gauge.add_metric((row.group, row.subject), value)
        yield from groups
        yield from _store(reading)


#: Of the queue's status, for each group and subject.
_GROUPS = {
    "waiting": "Messages that no member of the group has yet.",
    "in_hand": "Messages that a member has, or that wait for their next attempt.",
    "dead_letters": "Dead letters of the group.",
    "oldest_seconds": "Age of the oldest message that is not handled yet; 0 where there is none.",
}
#: And of all together.
_STORE = {
    "store_messages": "Messages stored.",
    "store_bytes": "Bytes stored.",
    "store_limit_bytes": "Room on the store, where it has a limit.",
    "dead_letters": "Dead letters of all groups.",
    "status_seconds": "Age of the status that these numbers are from.",
}


def _gauge(name: str, text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=_LABELS)


def _store(reading: Reading | None) -> Iterator[Metric]:
    """What is not known has no value."""
    values: tuple[float | None, ...] = (None,) * len(_STORE)
    if reading is not None:
        status, age = reading.status, clock.monotonic() - reading.clock
        values = (
            status.messages,
            status.bytes,
            status.limit_bytes,
            status.dead_letters,
            age,
        )
    for (name, text), value in zip(_STORE.items(), values, strict=True):
        yield GaugeMetricFamily(f"dovetail_{name}", text, value=value)
