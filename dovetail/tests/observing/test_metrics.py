"""What Prometheus reads, on a real server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from dovetail import (
    Backoff,
    ConfigurationError,
    Group,
    MessageQueue,
    QueueStatus,
    Reject,
    Settled,
    Worker,
    connect,
)
from dovetail.metrics import Metrics
from dovetail.observing import status_reading
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.names import Numbered, fresh, numbered
from dovetail.testing.conformance.waiting import Seen, all_handled, until
from dovetail.testing.servers import NatsServer, promtool

Labels = dict[str, str]


class Scrape:
    """The values in an exposition."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.text = generate_latest(registry).decode()
        self.values = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(self.text)
            for sample in family.samples
        }

    def get(self, name: str, **labels: str) -> float | None:
        return self.values.get((f"dovetail_{name}", frozenset(labels.items())))


@pytest.fixture(autouse=True)
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each scrape has the status read."""
    monkeypatch.setattr(status_reading, "PAUSE_SECONDS", 0.0)


async def read(registry: CollectorRegistry, name: str, value: float, **labels: str) -> Scrape:
    """The first scrape in which this has the value."""
    scrapes: list[Scrape] = []

    async def has() -> bool:
        scrapes.append(Scrape(registry))
        return scrapes[-1].get(name, **labels) == value

    await until(has, f"{name} is {value}")
    return scrapes[-1]


async def test_numbers_of_a_worker(queue_url: str) -> None:
    event, effect, registry = numbered(), numbered(), CollectorRegistry()
    group = Group(fresh("group"), retry=Backoff(first=0.01, tries=2))

    @group.on(event)
    async def handle(message: Numbered) -> Numbered:
        if message.number == 0:
            raise Reject("no")
        if message.number == 1:
            raise ValueError("no")
        await asyncio.sleep(0.002 if message.number == 2 else 0)
        return effect(1)

    place = {"group": group.name, "subject": event.__subject__}
    async with connect(queue_url) as queue:
        metrics = Metrics(queue, registry=registry)
        await queue.publish_many([event(number) for number in range(10)])
        async with Worker(queue, [group], observers=[metrics]):
            assert Scrape(registry).get("group_joined", **place) == 1
            await read(registry, "group_dead_letters", 2, **place)
            await all_handled(queue, group.name)
            scrape = await read(registry, "group_in_hand", 0, **place)
        last = Scrape(registry)
    for name, value in (
        ("handled", 8),
        ("failed", 3),
        ("retried", 1),
        ("dead", 2),
        ("published", 8),
    ):
        assert scrape.get(f"messages_{name}_total", **place) == value, name
    assert scrape.get("handler_seconds_count", **place) == 11
    assert scrape.get("handler_seconds_bucket", le="+Inf", **place) == 11
    assert 1 <= (scrape.get("handler_seconds_bucket", le="0.001", **place) or 0) <= 10
    assert (scrape.get("handler_seconds_sum", **place) or 0) > 0.002
    assert scrape.get("messages_in_flight", **place) == 0
    assert scrape.get("queue_connected") == 1
    assert scrape.get("group_waiting", **place) == 0
    assert scrape.get("group_oldest_seconds", **place) == 0
    assert scrape.get("dead_letters") == 2
    assert scrape.get("store_messages") == 18
    assert 0 <= (scrape.get("status_seconds") or 0) < 60
    assert last.get("group_joined", **place) == 0
    code, said = await promtool("check", "metrics", stdin=scrape.text)
    assert (code, said) == (0, "")


async def test_backlog_of_every_group_is_seen_by_one_that_handles_nothing(queue_url: str) -> None:
    event, registry = numbered(), CollectorRegistry()
    async with connect(queue_url) as queue:
        Metrics(queue, registry=registry)
        async with Worker(queue, [group := recording(event, Seen[Numbered]())]):
            pass
        await queue.publish_many([event(number) for number in range(5)])
        place = {"group": group.name, "subject": event.__subject__}
        scrape = await read(registry, "group_waiting", 5, **place)
        assert 0 < (scrape.get("group_oldest_seconds", **place) or 0) < 60
        assert scrape.get("messages_handled_total", **place) is None


async def test_limit_is_shown_where_there_is_one() -> None:
    limited, free = CollectorRegistry(), CollectorRegistry()
    async with connect("memory://limited", limit_bytes=1000) as one, connect("memory://") as two:
        Metrics(one, registry=limited)
        Metrics(two, registry=free)
        assert (await read(limited, "store_limit_bytes", 1000)).get("store_bytes") == 0
        scrape = await read(free, "store_bytes", 0)
        assert scrape.get("store_limit_bytes") is None
    assert (await promtool("check", "metrics", stdin=scrape.text)) == (0, "")


async def test_server_is_away(
    new_nats_server: Callable[..., Awaitable[NatsServer]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A scrape never waits; what was read last is shown for a while, with its age; it is said once."""
    server, registry = await new_nats_server(), CollectorRegistry()

    async def was_said() -> bool:
        Scrape(registry)
        return any("cannot be read for metrics" in one.message for one in caplog.records)

    async with connect(server.url) as queue:
        Metrics(queue, registry=registry)
        await read(registry, "store_messages", 0)
        monkeypatch.setattr(status_reading, "LIMIT_SECONDS", 0.1)
        await server.kill()
        await read(registry, "queue_connected", 0)
        await until(was_said, "it is said")
        await until(lambda: _is_old(registry), "it is older")
        assert Scrape(registry).get("store_messages") == 0
        monkeypatch.setattr(status_reading, "OLD_SECONDS", 0.0)
        assert Scrape(registry).get("store_messages") is None
        assert Scrape(registry).get("status_seconds") is None
        monkeypatch.setattr(status_reading, "OLD_SECONDS", 300.0)
        monkeypatch.setattr(status_reading, "LIMIT_SECONDS", 30.0)
        await server.start()
        await read(registry, "queue_connected", 1)
        await until(lambda: _is_young(registry), "it is read again")
    said = [one.message for one in caplog.records if "cannot be read for metrics" in one.message]
    assert len(said) == 1


async def _is_old(registry: CollectorRegistry) -> bool:
    return (Scrape(registry).get("status_seconds") or 0) > 0.5


async def _is_young(registry: CollectorRegistry) -> bool:
    age = Scrape(registry).get("status_seconds")
    return age is not None and age < 0.4


async def test_status_is_read_once_in_five_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many scrape, in whatever thread; and not at all while nobody does."""
    monkeypatch.undo()
    assert status_reading.PAUSE_SECONDS == 5.0
    registry, asked = CollectorRegistry(), Seen[QueueStatus]()
    async with connect("memory://") as queue:
        status = queue.status

        async def counted() -> QueueStatus:
            asked.add(await status())
            return asked.items[-1]

        monkeypatch.setattr(queue, "status", counted)
        Metrics(queue, registry=registry)
        threads = [threading.Thread(target=Scrape, args=(registry,)) for _ in range(5)]
        for thread in threads:
            thread.start()
        await asyncio.gather(*(asyncio.to_thread(thread.join) for thread in threads))
        await read(registry, "store_messages", 0)
        for _ in range(20):
            Scrape(registry)
            await asyncio.sleep(0)
        assert len(asked) == 1


async def test_groups_that_are_gone_vanish(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = CollectorRegistry()
    async with connect("memory://") as queue:
        Metrics(queue, registry=registry)
        async with Worker(queue, [group := recording(event := numbered(), Seen[Numbered]())]):
            pass
        place = {"group": group.name, "subject": event.__subject__}
        await read(registry, "group_waiting", 0, **place)
        queue.transport._store.backlogs.clear()  # type: ignore[attr-defined]
        await until(lambda: _vanished(registry, place), "it is shown no more")


async def _vanished(registry: CollectorRegistry, place: Labels) -> bool:
    return Scrape(registry).get("group_waiting", **place) is None


async def test_histogram() -> None:
    registry = CollectorRegistry()
    async with connect("memory://") as queue:
        metrics = Metrics(queue, registry=registry, buckets=(0.1, 0.001, 1.0))
        metrics.settled("g", "s", Settled(calls=10, seconds=3.0, long=[0.05, 0.1, 0.5, 2.0]))
        metrics.settled("g", "s", Settled(calls=1, seconds=0.0001))
    scrape, place = Scrape(registry), {"group": "g", "subject": "s"}
    buckets = {
        bound: scrape.get("handler_seconds_bucket", le=bound, **place)
        for bound in ("0.001", "0.1", "1.0", "+Inf")
    }
    assert buckets == {"0.001": 7, "0.1": 9, "1.0": 10, "+Inf": 11}
    assert scrape.get("handler_seconds_sum", **place) == pytest.approx(3.0001)


async def test_registry_and_buckets_are_checked() -> None:
    registry = CollectorRegistry()
    async with connect("memory://") as queue:
        for buckets in ((), (0.0001, 1.0)):
            with pytest.raises(ConfigurationError, match="buckets begin at"):
                Metrics(queue, registry=registry, buckets=buckets)
        for wrong in ({"buckets": "1"}, {"buckets": (1, "2")}, {"registry": None}):
            with pytest.raises(ConfigurationError, match=f"Metrics: {next(iter(wrong))}="):
                Metrics(queue, **{"registry": registry, **wrong})  # type: ignore[arg-type]
        Metrics(queue, registry=registry)
        with pytest.raises(ValueError, match="Duplicated"):
            Metrics(queue, registry=registry)


async def test_labels_are_bounded(queue: MessageQueue) -> None:
    """A handler of a pattern has one row, however many subjects match."""
    registry, group, seen = CollectorRegistry(), Group(fresh("group")), Seen[object]()
    top = f"events.{fresh('test')}"

    @group.on(f"{top}.*")
    async def take(message: object) -> None:
        seen.add(message)

    async with Worker(queue, [group], observers=[Metrics(queue, registry=registry)]):
        for number in range(20):
            await queue.publish(numbered(f"{top}.n{number}")())
        await seen.has(20)
        await all_handled(queue, group.name)
    rows = {labels for name, labels in Scrape(registry).values if name.endswith("handled_total")}
    assert rows == {frozenset({"group": group.name, "subject": f"{top}.*"}.items())}


@pytest.fixture
async def queue() -> AsyncIterator[MessageQueue]:
    async with connect("memory://", keep=timedelta(0)) as queue:
        yield queue
