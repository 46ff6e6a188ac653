"""The queue is down or full: the API says within two seconds that nothing was accepted."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import httpx

from dovetail import MessageQueue, connect, new_id
from dovetail.testing.servers import NatsServer
from todo.api.app import create_app
from todo.settings import Settings
from todo.store import Store

from .support import client_of, is_problem, items, published

NewServer = Callable[..., Awaitable[NatsServer]]


async def _accepts_again(client: httpx.AsyncClient, key: str) -> None:
    """The same request, repeated as the API advises, until it is accepted."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        response = await client.post(
            "/todo", json={"item": "milk"}, headers={"Idempotency-Key": key}
        )
        if response.status_code == 202:
            return
        is_problem(response, 503)
    raise AssertionError("it never recovered")


async def test_a_queue_that_is_down_and_comes_back(
    new_nats_server: NewServer, store: Store, settings: Settings
) -> None:
    server = await new_nats_server()
    async with (
        connect(server.url, timeout=1.5) as queue,
        client_of(create_app(queue, store, settings)) as client,
    ):
        await server.kill()
        started = time.monotonic()
        response = await client.post("/todo", json={"item": "milk"})
        assert time.monotonic() - started < 4  # its limit, and some for a busy machine
        problem = is_problem(response, 503)
        assert "not accepted" in str(problem["detail"])
        assert str(problem["id"]) in str(problem["detail"])
        assert int(response.headers["retry-after"]) > 0
        assert (await client.get("/ready")).status_code == 503
        assert (await client.get("/health")).status_code == 200

        await server.start()
        await _accepts_again(client, str(problem["id"]))
        assert [item.id for item in await published(queue)] == [problem["id"]]
        text = (await client.get("/metrics")).text
        assert "todo_tasks_created_total 1.0" in text


async def test_a_change_while_the_queue_is_down(
    new_nats_server: NewServer, store: Store, settings: Settings
) -> None:
    (item,) = items("milk")
    await store.add([item])
    server = await new_nats_server()
    async with (
        connect(server.url, timeout=1.5) as queue,
        client_of(create_app(queue, store, settings)) as client,
    ):
        await server.kill()
        wanted = {"done": True, "notes": "x"}
        for response in (
            await client.patch(f"/todo/{item.id}", json=wanted),
            await client.delete(f"/todo/{item.id}"),
        ):
            assert "the change was not accepted" in str(is_problem(response, 503)["detail"])
            assert int(response.headers["retry-after"]) > 0
        # Nobody can tell whether this one waits to be saved.
        assert "cannot be told" in str(
            is_problem(await client.delete(f"/todo/{new_id()}"), 503)["detail"]
        )
        before = await store.get(item.id)
        assert before is not None
        assert not before.done

        await server.start()
        headers = {"Idempotency-Key": new_id()}
        deadline = time.monotonic() + 60
        while response.status_code != 202 and time.monotonic() < deadline:
            response = await client.patch(f"/todo/{item.id}", json=wanted, headers=headers)
        assert response.status_code == 202
        assert (await client.get(f"/todo/{item.id}")).json()["notes"] == "x"


async def test_a_queue_without_room(
    new_nats_server: NewServer, store: Store, settings: Settings
) -> None:
    server = await new_nats_server()
    async with (
        connect(server.url, limit_bytes=20_000) as queue,
        client_of(create_app(queue, store, settings)) as client,
    ):
        accepted = 0
        while True:
            response = await client.post("/todo", json={"item": "x" * 200})
            if response.status_code != 202:
                break
            accepted += 1
        assert "nothing was accepted" in str(is_problem(response, 503)["detail"])
        assert accepted > 0
        assert len(await published(queue)) == accepted


class BrokenQueue(MessageQueue):
    """Fails in a way that nobody expected."""

    async def publish(self, *_: object, **__: object) -> str:
        raise RuntimeError("a bug")


async def test_a_fault_of_ours(queue: MessageQueue, store: Store, settings: Settings) -> None:
    broken = BrokenQueue(queue.transport, queue.options)
    async with client_of(create_app(broken, store, settings)) as client:
        response = await client.post("/todo", json={"item": "milk"})

    problem = is_problem(response, 500)
    assert "a bug" not in str(problem)
