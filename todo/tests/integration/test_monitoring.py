"""Each component tells how it is at a port of its own, from its start on; `todo health` asks it."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Awaitable, Callable

import httpx
import pytest

from dovetail.embedded.ports import free_ports
from dovetail.testing.servers import NatsServer

from .commands import Command, child
from .conftest import Todo
from .support import RUNS, until

WRONG = 2
COMPONENTS = ("web", "api", "save-handler", "audit-handler", "mutating-handler", "search-handler")


@pytest.fixture(autouse=True)
def metrics_port(settings: dict[str, str]) -> str:
    """Of the components of the test."""
    settings["METRICS_PORT"] = port = str(free_ports(8))  # for whatever `up` starts
    return port


async def _asked(todo_command: Todo, *arguments: str, **more: str) -> tuple[int, str]:
    """Exit status and the one line of `todo health`."""
    command = await todo_command("health", *arguments, **more)
    status = await command.ended()
    (line,) = command.lines
    assert command.errors == ([] if status == 0 else [line])
    return status, line


@pytest.mark.parametrize("component", COMPONENTS)
async def test_every_component_is_alive_before_it_is_ready(
    todo_command: Todo,
    new_nats_server: Callable[..., Awaitable[NatsServer]],
    metrics_port: str,
    component: str,
) -> None:
    server = await new_nats_server()
    await server.stop()
    command = await todo_command("run", component, QUEUE_URL=server.url)
    await command.said("TODO_QUEUE_URL")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{metrics_port}") as client:
        assert (await client.get("/health")).json() == {"status": "ok"}
        unready = await client.get("/ready")
        assert (unready.status_code, unready.json()["queue"]) == (503, "unreachable")
        assert ("database" in unready.json()) == (component != "audit-handler")
        await server.start()
        await command.said("presence listens")
        if component != "audit-handler":
            await command.said("connected to the database")
        assert "process_cpu_seconds_total" in (await client.get("/metrics")).text
    status, line = await _asked(todo_command, "--ready")
    assert (status, line.partition(",")[0]) == (0, "ready")
    assert await command.stop() == 0
    assert "Traceback" not in command.text


async def test_health_says_what_is_wrong(todo_command: Todo, metrics_port: str) -> None:
    status, line = await _asked(todo_command)
    assert status == 1
    assert line == (
        f"nothing answers at 127.0.0.1:{metrics_port} (TODO_METRICS_PORT): nothing listens there "
        "(connection refused)"
    )
    handler = await todo_command("run", "save-handler")
    await handler.said("waiting for the queue")
    assert await _asked(todo_command) == (0, "ok")
    assert await _asked(todo_command, METRICS_HOST="0.0.0.0") == (0, "ok")
    status, line = await _asked(todo_command, "--ready")
    assert (status, line) == (1, "unready, queue unreachable, database unreachable")


async def test_health_without_a_port_says_what_to_set(todo_command: Todo) -> None:
    status, line = await _asked(todo_command, METRICS_PORT="")
    assert status == 1
    assert line.startswith("TODO_METRICS_PORT is not set")
    status, line = await _asked(todo_command, METRICS_PORT="http")
    assert status == 2
    assert line.startswith("TODO_METRICS_PORT: 'http' will not do; allowed is a port number")


async def test_health_of_something_else_says_so(todo_command: Todo, nats_url: str) -> None:
    status, line = await _asked(todo_command, METRICS_PORT=nats_url.rpartition(":")[2])
    assert status == 1
    assert "is no component of this program" in line


@pytest.mark.parametrize("component", COMPONENTS)
async def test_a_port_in_use_is_named(todo_command: Todo, nats_url: str, component: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        command = await todo_command("run", component, QUEUE_URL=nats_url, METRICS_PORT=str(port))
        assert await command.ended() == WRONG
    assert command.lines == [
        f"TODO_METRICS_PORT: port {port} of 127.0.0.1 is in use by another program; "
        "allowed is a free port"
    ]


@pytest.mark.parametrize(("component", "name"), [("web", "WEB_PORT"), ("api", "API_PORT")])
async def test_a_port_that_is_set_twice_is_named(
    todo_command: Todo, metrics_port: str, component: str, name: str
) -> None:
    command = await todo_command("run", component, **{name: metrics_port})
    assert await command.ended() == WRONG
    assert command.lines == [
        f"TODO_METRICS_PORT: {metrics_port} is TODO_{name}, too; allowed is another port"
    ]


async def test_a_host_that_is_not_ours_is_named(todo_command: Todo) -> None:
    for arguments in (("run", "audit-handler"), ("up",)):
        command = await todo_command(*arguments, METRICS_HOST="192.0.2.1")
        assert await command.ended() == WRONG
        (line,) = (one for one in command.lines if "TODO_METRICS_HOST" in one)
        assert line.startswith("TODO_METRICS_HOST: '192.0.2.1' is no address of this machine")


def _place(up: Command, name: str) -> str:
    """Where the banner says that this one's metrics are."""
    (line,) = (one for one in up.lines if one.endswith(f"/metrics of {name}"))
    return line.split()[1]


async def test_up_gives_each_component_a_port_of_its_own(
    todo_command: Todo, metrics_port: str
) -> None:
    taken = int(metrics_port) + 1
    with socket.create_server(("127.0.0.1", taken)):
        up = await todo_command("up", "--scale", "save-handler=2")
        await up.said(RUNS)
    names = ("web", "api", "save-handler.1", "save-handler.2")
    places = {name: _place(up, name) for name in names}
    assert places["web"] == f"http://127.0.0.1:{metrics_port}/metrics"
    assert len({*places.values(), f"http://127.0.0.1:{taken}/metrics"}) == 5
    async with httpx.AsyncClient() as client:
        for place in places.values():
            assert "process_cpu_seconds_total" in (await client.get(place)).text


async def test_up_leaves_the_application_its_other_ports(
    todo_command: Todo, settings: dict[str, str], metrics_port: str
) -> None:
    more = {"WEB_PORT": metrics_port, "API_PORT": str(int(metrics_port) + 1)}
    settings.update(more)
    up = await todo_command("up")
    await up.said(RUNS)
    port = int(_place(up, "web").rpartition(":")[2].partition("/")[0])
    assert port >= int(metrics_port) + 2


async def test_a_child_that_is_started_again_keeps_its_port(todo_command: Todo) -> None:
    up = await todo_command("up", "--only", "queue,save-handler")
    await up.said(RUNS)
    await up.said("presence listens")
    place = _place(up, "save-handler")
    os.kill(child(up.pid, "save-handler"), signal.SIGKILL)
    await up.said("presence listens", times=2)
    async with httpx.AsyncClient() as client:
        assert (await client.get(place)).status_code == 200
    await until(lambda: "in use" not in up.text)


async def test_a_handler_that_is_added_later_has_a_port_too(
    todo_command: Todo, metrics_port: str
) -> None:
    up = await todo_command("up", "--only", "queue,save-handler")
    await up.said(RUNS)
    scale = await todo_command("scale", "save-handler=2")
    assert await scale.ended() == 0
    await up.said("presence listens", times=2)
    async with httpx.AsyncClient() as client:
        for number in (0, 1):
            place = f"http://127.0.0.1:{int(metrics_port) + number}/health"
            assert (await client.get(place)).status_code == 200
