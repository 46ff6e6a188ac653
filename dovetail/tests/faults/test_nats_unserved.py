"""A group whose consumer no server serves for now: its events are kept, whatever the others have handled."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import nats
import pytest

from dovetail import ConfigurationError, MessageQueue, QueueUnavailable, Worker, connect
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.names import Numbered, numbered, numbers
from dovetail.testing.conformance.waiting import Seen, all_handled, until
from dovetail.testing.servers import NatsServer
from dovetail.transports.nats import topology, trimming
from dovetail.transports.nats.client import Client
from dovetail.transports.nats.jetstream import JetStream
from dovetail.transports.nats.transport import NatsTransport
from dovetail.transports.nats.trimming import trim

pytestmark = pytest.mark.faults

NewServer = Callable[..., Awaitable[NatsServer]]


async def trimmed(queue: MessageQueue) -> int:
    """Trim what is handled, whatever its age; returns how many messages are left."""
    assert isinstance(queue.transport, NatsTransport)
    await trim(queue.transport._api, timedelta(0))
    return (await queue.status()).messages


def progress(server: NatsServer, group: str) -> Path:
    (file,) = server.folder.glob(f"jetstream/*/streams/dovetail-events/obs/{group}=*/o.dat")
    return file


async def with_damaged_progress(server: NatsServer, group: str) -> None:
    await server.stop()
    progress(server, group).write_bytes(progress(server, group).read_bytes()[:3])
    await server.start()


async def test_what_it_has_not_handled_is_kept(
    new_nats_server: NewServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The server refuses the file with its progress, and does not list it any more."""
    caplog.set_level(logging.WARNING, "dovetail.nats")
    server = await new_nats_server()
    event, quick, slow = numbered(), Seen[Numbered](), Seen[Numbered]()
    ahead, behind = recording(event, quick), recording(event, slow)
    async with connect(server.url) as queue:
        async with Worker(queue, [behind]):
            pass
        async with Worker(queue, [ahead]):
            await queue.publish_many([event(number) for number in range(20)])
            await all_handled(queue, ahead.name)
        await with_damaged_progress(server, behind.name)
        assert await trimmed(queue) == 20
        assert f"the group {behind.name} has claimed them" in caplog.text
        [row] = [one for one in (await queue.status()).groups if one.group == behind.name]
        assert (row.waiting, row.estimates) == (20, ("waiting", "in_hand"))
        await server.stop()
        progress(server, behind.name).unlink()
        await server.start()
        async with Worker(queue, [behind]):
            await all_handled(queue, behind.name)
        assert numbers(slow.items) == list(range(20))
        assert await trimmed(queue) == 0


async def test_removed_it_holds_up_nothing(new_nats_server: NewServer) -> None:
    server = await new_nats_server()
    event, quick = numbered(), Seen[Numbered]()
    ahead, behind = recording(event, quick), recording(event, Seen[Numbered]())
    async with connect(server.url) as queue:
        async with Worker(queue, [ahead, behind]):
            await queue.publish(event(1))
            await all_handled(queue, ahead.name, behind.name)
        await with_damaged_progress(server, behind.name)
        assert await trimmed(queue) == 1
        await queue.remove_group(behind.name)
        assert await trimmed(queue) == 0
        assert [one.group for one in (await queue.status()).groups] == [ahead.name]


async def test_while_its_members_run_it_is_not_removed(new_nats_server: NewServer) -> None:
    server = await new_nats_server()
    event = numbered()
    behind = recording(event, Seen[Numbered]())

    async def is_counted() -> bool:
        return [one.running for one in await queue.transport.members()] == [1]

    async with connect(server.url) as queue, Worker(queue, [behind]):
        await queue.publish(event(1))
        await all_handled(queue, behind.name)
        await with_damaged_progress(server, behind.name)
        await until(is_counted, "the member is counted")
        with pytest.raises(ConfigurationError, match="stop them first"):
            await queue.remove_group(behind.name)


async def test_what_older_versions_claimed_is_noted_when_it_is_seen(
    new_nats_server: NewServer,
) -> None:
    server = await new_nats_server()
    event = numbered()
    ahead, behind = recording(event, Seen[Numbered]()), recording(event, Seen[Numbered]())
    async with connect(server.url) as queue:
        async with Worker(queue, [ahead, behind]):
            await queue.publish(event(1))
            await all_handled(queue, ahead.name, behind.name)
        client = await nats.connect(server.url)
        await client.jetstream().purge_stream(topology.ATTEMPTS)
        await client.close()
        assert isinstance(queue.transport, NatsTransport)
        await trim(queue.transport._api, timedelta(days=1))
        await with_damaged_progress(server, behind.name)
        assert await trimmed(queue) == 1


def answering(pages: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> JetStream:
    """It gives these pages, one after the other."""
    api = JetStream(cast(Client, SimpleNamespace(address=SimpleNamespace(shown="here"))), 5)

    async def call(subject: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        return pages.pop(0)

    monkeypatch.setattr(api, "call", call)
    return api


@pytest.mark.parametrize(
    "pages",
    [
        [{"consumers": [{"name": "a"}], "total": 2, "missing": ["g=b"]}, {"total": 2}],
        [{"consumers": [{"name": "a"}], "total": 1, "offline": {"g=b": "unsupported"}}],
        [
            {"consumers": [{"name": "a"}, {"name": "b"}], "total": 3},
            {"consumers": [{"name": "b"}], "total": 3},
        ],
    ],
    ids=["missing", "offline", "moved-meanwhile"],
)
async def test_a_list_that_is_not_whole_is_refused(
    pages: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a cluster answers while servers are down, or where a consumer comes or goes between two pages."""
    api = answering(pages, monkeypatch)
    with pytest.raises(QueueUnavailable, match="cannot tell now how far these consumers"):
        await api.every_consumer("dovetail-events")


async def test_what_only_looked_and_went_with_its_server_is_not_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A cluster lists it without its name."""
    pages = [{"consumers": [{"name": "g=a"}, {"name": ""}], "total": 2, "missing": ["Ab3dXyZ1"]}]
    api = answering(pages, monkeypatch)
    assert await api.every_consumer("dovetail-events") == [{"name": "g=a"}]


def test_a_server_that_lags_does_not_tell_of_what_it_has_yet_to_hear() -> None:
    """It has given the group all up to 7, and the leader of the stream has stored 9."""
    consumer = {
        "num_pending": 0,
        "num_ack_pending": 0,
        "ack_floor": {"stream_seq": 5},
        "delivered": {"stream_seq": 7},
    }
    assert trimming._floor(consumer, 9) == 7
