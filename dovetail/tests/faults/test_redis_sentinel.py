"""Sentinels tell who the master is; a master is killed under load, and another one is promoted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from dovetail import ConfigurationError, QueueUnavailable, Worker, connect
from dovetail.network.server_address import Host
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.listening import hears_again, listening
from dovetail.testing.conformance.load import Load
from dovetail.testing.conformance.names import Numbered, numbered, numbers
from dovetail.testing.conformance.requests import Requests
from dovetail.testing.conformance.routing import Routing
from dovetail.testing.conformance.settling import Settling
from dovetail.testing.conformance.waiting import Seen, all_handled, until
from dovetail.testing.servers import RedisServer
from dovetail.transports.redis import limits, sentinels

from .redis_cli import redis_cli
from .redis_sentinel import MASTER, Sentinel, Watched, watched

pytestmark = [pytest.mark.faults, pytest.mark.heavy, pytest.mark.timeout(300)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_master() -> AsyncIterator[Watched]:
    async with watched(replicas=0, sentinels=1) as made:
        yield made


class TestThroughSentinel(Routing, Settling, Requests):
    """Some themes of the suite: all kinds of connections are found by way of the sentinel."""

    @pytest.fixture
    def address(self, one_master: Watched) -> str:
        return one_master.url

    @pytest_asyncio.fixture
    async def own_address(self) -> AsyncIterator[str]:
        async with watched(replicas=0, sentinels=1) as made:
            yield made.url


@pytest.mark.slow  # sentinels take some seconds to agree
async def test_killed_master_is_followed_by_the_one_that_is_promoted() -> None:
    """What was confirmed and not copied when it was killed may be lost; nothing else."""
    load, gaps, copied, count = Load(), Seen[str](), 300, 3000
    settings = {"min-replicas-to-write": "1"}
    async with (
        watched(replicas=2, sentinels=3, settings=settings) as made,
        connect(made.url) as queue,
        connect(made.url) as publisher,
        Worker(queue, [load.group]),
        listening(queue, load.event, lambda: gaps.add("gap")) as heard,
    ):
        first, *_ = made.servers
        await load.publish(publisher, range(copied))
        await load.handled.has(copied)
        await made.has_copied()
        async with load.publishing(publisher, count):
            await load.accepted.has(copied + 500)
            await first.kill()
            confirmed = set(load.accepted.items)
        await all_handled(queue, load.group.name)
        assert await _master_port(made) != first.port
        may_be_lost = confirmed - set(range(copied))
        assert set(load.handled.items) >= set(range(count)) - may_be_lost
        assert gaps.items
        await hears_again(publisher, load.event(count), heard)


async def test_sentinel_that_is_gone_does_not_matter_while_another_runs() -> None:
    event, seen = numbered(), Seen[Numbered]()
    async with watched(replicas=0, sentinels=2) as made:
        await made.sentinels[0].kill()
        for number in range(4):  # in random order each time
            async with connect(made.url) as queue:
                await queue.publish(event(number))
        await made.sentinels[1].kill()
        with pytest.raises(QueueUnavailable, match="nothing listens there"):
            await connect(made.url, patience=0.2).__aenter__()
        await made.sentinels[1].start()
        async with connect(made.url) as queue, Worker(queue, [group := recording(event, seen)]):
            await all_handled(queue, group.name)
    assert numbers(seen.items) == [0, 1, 2, 3]


async def test_master_that_most_sentinels_have_given_up_is_left(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was cut off from them, or hung, and goes on as a master; those who reach it must not stay there."""
    monkeypatch.setattr(limits, "PING_SECONDS", 0.2)
    monkeypatch.setattr(
        limits, "SENTINEL_SECONDS", 5.0
    )  # how busy the machine is does not matter here
    event, gaps, asked, ask = numbered(), Seen[str](), Seen[Host | None](), sentinels.other_master

    async def counted(*arguments: Any) -> Host | None:
        asked.add(other := await ask(*arguments))
        return other

    monkeypatch.setattr(sentinels, "other_master", counted)
    async with (
        watched(replicas=0, sentinels=3) as made,
        connect(made.url) as queue,
        connect(made.url) as publisher,
        listening(queue, event, lambda: gaps.add("gap")) as heard,
    ):
        [given_up], [one, another, _] = made.servers, made.sentinels
        await _watch_instead(one, redis_server)
        assert not any(await asked.has(len(asked) + 10)), "one alone knows less than the others"
        await _watch_instead(another, redis_server)
        await until(lambda: _has_left(given_up), "all connections have left it")
        await gaps.has(1)
        await hears_again(publisher, event(1), heard)
        assert not await _has_left(redis_server)


async def test_servers_and_sentinels_have_passwords_of_their_own() -> None:
    settings, event = {"requirepass": "of-the-server"}, numbered()
    own = {"requirepass": "of-the-sentinel", f"sentinel auth-pass {MASTER}": "of-the-server"}
    async with watched(replicas=0, sentinels=1, settings=settings, sentinel_settings=own) as made:
        [host] = [made.url.partition("://")[2]]
        right = f"redis+sentinel://:of-the-server@{host}?sentinel_password=of-the-sentinel"
        async with connect(right) as queue:
            await queue.publish(event(1))
        for wrong in (
            f"redis+sentinel://:of-the-server@{host}",
            f"redis+sentinel://:of-the-server@{host}?sentinel_password=of-nobody",
            f"redis+sentinel://:of-nobody@{host}?sentinel_password=of-the-sentinel",
        ):
            with pytest.raises(ConfigurationError, match="refused the user") as caught:
                await connect(wrong).__aenter__()
            assert "of-" not in str(caught.value)


async def test_wrong_addresses_say_what_to_write(
    one_master: Watched, redis_server: RedisServer
) -> None:
    [sentinel] = one_master.sentinels
    for url, says in [
        (f"redis+sentinel://127.0.0.1:{sentinel.port}/other", "no master of this name: other"),
        (f"redis+sentinel://127.0.0.1:{redis_server.port}/{MASTER}", "is no sentinel: write it as"),
        (f"redis://127.0.0.1:{sentinel.port}", "is a sentinel: write it as"),
    ]:
        with pytest.raises(ConfigurationError, match=says):
            await connect(url).__aenter__()


async def _watch_instead(sentinel: Sentinel, master: RedisServer) -> None:
    """Another master has the name now, as after a fail-over."""
    await redis_cli(sentinel, "SENTINEL", "REMOVE", MASTER)
    await redis_cli(sentinel, "SENTINEL", "MONITOR", MASTER, master.host, str(master.port), "2")


async def _has_left(server: RedisServer) -> bool:
    return "name=dovetail" not in await redis_cli(server, "CLIENT", "LIST")


async def _master_port(made: Watched) -> int:
    words = await redis_cli(made.sentinels[0], "SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER)
    return int(words.split()[1])
