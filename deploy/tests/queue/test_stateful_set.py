"""The configuration of the three NATS servers, run: who may connect, and what one that leaves takes along."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from dovetail import ConfigurationError, MessageQueue, QueueUnavailable, connect, new_id
from todo.events import NewItem
from todo.items import items_of

from .nats_pods import ALIVE, READY, STARTED, Pod, started, stateful_set

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

#: The shortest in which the others elect one for a server that was killed.
ELECTION_SECONDS = 4.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pods() -> AsyncIterator[list[Pod]]:
    async with stateful_set() as found:
        async with connected(found) as queue:
            await add(queue)
        yield found


def address(pods: list[Pod]) -> str:
    """All of them, as TODO_QUEUE_URL has them."""
    first, *others = (one.url for one in pods)
    return ",".join([first, *(one.rpartition("@")[2] for one in others)])


def connected(pods: list[Pod]) -> MessageQueue:
    """As a component connects with the settings of the overlay."""
    return connect(address(pods), replicas=3, timeout=15, patience=None)


def streams(pod: Pod) -> list[dict[str, Any]]:
    url = f"http://{pod.host}:{pod.monitor_port}/jsz?streams=1&config=1"
    with urllib.request.urlopen(url, timeout=5) as answer:
        said = json.load(answer)
    return [one for account in said["account_details"] for one in account["stream_detail"]]


def stored(pods: list[Pod]) -> int:
    """How many events there are: those that follow may lag behind the one that leads."""
    return max(
        int(one["state"]["messages"])
        for pod in pods
        for one in streams(pod)
        if one["name"] == "dovetail-events"
    )


async def add(queue: MessageQueue) -> None:
    (item,) = items_of(["something to do"], new_id())
    await queue.publish(NewItem(item), id=item.id)


def leader(pods: list[Pod]) -> Pod:
    """Who leads the stream of events, as the first says that knows."""
    found = (
        one["cluster"].get("leader")
        for pod in pods
        for one in streams(pod)
        if one["name"] == "dovetail-events"
    )
    name = next(filter(None, found))
    return next(one for one in pods if one.name == name)


async def test_every_message_has_three_copies(pods: list[Pod]) -> None:
    found = {one["name"]: one["config"]["num_replicas"] for one in streams(pods[0])}
    assert found["dovetail-events"] == 3
    assert set(found.values()) == {3}


async def test_each_of_its_probes_succeeds(pods: list[Pod]) -> None:
    for one in pods:
        assert [await one.says_ok(probe) for probe in (STARTED, READY, ALIVE)] == [True] * 3


async def test_without_the_password_nobody_gets_in(pods: list[Pod]) -> None:
    for login in ("", "todo:wrong@", "route:wrong@"):
        with pytest.raises(ConfigurationError, match=r"(?i)authori[sz]ation"):
            async with connect(f"nats://{login}{pods[0].host}:{pods[0].port}", patience=2):
                pass


async def test_one_that_is_evicted_hands_over_and_nothing_fails(pods: list[Pod]) -> None:
    """It leads the stream: the others take over before it goes, and no publisher waits for an election."""
    going = leader(pods)
    async with connected(pods) as queue:
        longest, count = 0.0, 0
        leaving = asyncio.create_task(going.evict())
        try:
            while not leaving.done():
                before = time.monotonic()
                await add(queue)
                longest, count = max(longest, time.monotonic() - before), count + 1
        finally:
            await leaving
            await going.start()
            await started(pods)
    assert count
    assert longest < ELECTION_SECONDS


async def test_two_that_are_away_stop_the_queue_and_nothing_is_lost(pods: list[Pod]) -> None:
    async with connect(address(pods), replicas=3, timeout=2) as queue:
        for _ in range(20):
            await add(queue)
        before = stored(pods)
        for one in pods[1:]:
            await one.kill()
        assert await pods[0].says_ok(ALIVE), "starting it again would help nobody"
        with pytest.raises(QueueUnavailable):
            await add(queue)
        for one in pods[1:]:
            await one.start()
        await started(pods)
    async with connected(pods) as queue:
        await add(queue)
    # What was not confirmed may be there, too.
    assert stored(pods) - before in (1, 2)
