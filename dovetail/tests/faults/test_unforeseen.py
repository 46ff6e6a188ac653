"""Errors that nobody foresaw end no task that works in the background: it says so, and goes on."""

from __future__ import annotations

from typing import Any

import nats
import pytest

from dovetail import Worker, connect
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.names import Numbered, Order, numbered, order, question
from dovetail.testing.conformance.requests import answering
from dovetail.testing.conformance.waiting import Seen, all_handled
from dovetail.testing.servers import NatsServer, RedisServer
from dovetail.transports.common import trimming
from dovetail.transports.nats import topology
from dovetail.transports.nats.attempts import AttemptStore
from dovetail.transports.nats.in_flight import InFlight
from dovetail.transports.redis import limits
from dovetail.transports.redis.client import Client
from dovetail.transports.redis.lease_renewal import LeaseRenewal

pytestmark = pytest.mark.faults


class Failing:
    """Takes the place of a method; `calls` are those to it. After `most` of them it is the method again."""

    def __init__(self, of: type, name: str, most: int) -> None:
        self.calls = Seen[Any]()
        self._most = most
        self._method = getattr(of, name)

    def __get__(self, instance: Any, owner: type) -> Any:
        def call(*words: Any, **more: Any) -> Any:
            self.calls.add(words)
            if len(self.calls) <= self._most:
                raise RuntimeError("nobody foresaw it")
            return self._method(instance, *words, **more)

        return call


class FailingScript(Failing):
    """Only where it is this script that is called."""

    def __init__(self, script: str, most: int) -> None:
        super().__init__(Client, "script", most)
        self._script = script

    def __get__(self, instance: Any, owner: type) -> Any:
        fail = super().__get__(instance, owner)

        def call(name: str, *words: Any, **more: Any) -> Any:
            use = fail if name == self._script else self._method.__get__(instance)
            return use(name, *words, **more)

        return call


async def test_renewing_leases_on_redis(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(LeaseRenewal, "_renew", failing := Failing(LeaseRenewal, "_renew", 3))
    group = recording(numbered(), Seen[Numbered](), lease=1)
    async with connect(redis_server.url) as queue, Worker(queue, [group]):
        await failing.calls.has(5)
    assert caplog.text.count(f"renewing the leases of {group.name} failed") == 1
    assert "Traceback" in caplog.text


async def test_acking_on_redis(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ack is said again."""
    monkeypatch.setattr(Client, "script", failing := FailingScript("ack", 1))
    command, seen = order(), Seen[Order]()
    group = recording(command, seen)
    async with connect(redis_server.url) as queue, Worker(queue, [group]):
        await queue.send(command(1))
        await failing.calls.has(2)
        await all_handled(queue, group.name)
    assert len(seen) == 1


async def test_registering_who_answers_on_redis(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SERVING_SECONDS", 0.01)
    async with connect(redis_server.url) as queue, Worker(queue, [answering(question())]):
        monkeypatch.setattr(Client, "script", failing := FailingScript("serve", 2))
        await failing.calls.has(4)


async def test_trimming(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trimming, "TRIM_SECONDS", 0.01)
    monkeypatch.setattr(Client, "script", failing := FailingScript("tidy", 2))
    group = recording(numbered(), Seen[Numbered]())
    async with connect(redis_server.url) as queue, Worker(queue, [group]):
        await failing.calls.has(4)


async def test_renewing_leases_on_nats(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    event, seen = numbered(), Seen[Numbered]()
    group = recording(event, seen, lease=1)
    async with connect(nats_server.url) as queue, Worker(queue, [group]):
        monkeypatch.setattr(InFlight, "renew", failing := Failing(InFlight, "renew", 2))
        await failing.calls.has(4)
        await queue.publish(event(1))
        await seen.has(1)
        await all_handled(queue, group.name)


async def test_looking_up_attempts_on_nats(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The message comes again when its lease ends, rather than being held for ever."""
    event, seen = numbered(), Seen[Numbered]()
    group = recording(event, seen, lease=1)
    async with connect(nats_server.url) as queue:
        async with Worker(queue, [group]):
            pass
        await queue.publish(event(1))
        await _deliver_to_nobody(nats_server, group.name, event.__subject__)
        monkeypatch.setattr(AttemptStore, "read", failing := Failing(AttemptStore, "read", 1))
        async with Worker(queue, [group]):
            await failing.calls.has(2)
            await seen.has(1)
    assert f"the work of a member of {group.name} failed" in caplog.text


async def _deliver_to_nobody(server: NatsServer, group: str, subject: str) -> None:
    client = await nats.connect(server.url)
    pull = await client.jetstream().pull_subscribe_bind(
        topology.consumer_of(group, subject), topology.EVENTS
    )
    await pull.fetch(1)
    await client.close()
