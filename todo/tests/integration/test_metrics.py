"""What Prometheus reads from each component, and that nothing of it is loaded where nobody asks."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from dovetail.embedded.ports import free_ports
from dovetail.testing.servers import ServerMissing

from .commands import PATIENCE_SECONDS, Command
from .conftest import Todo
from .support import RUNS, add

COMPONENTS = ("web", "api", "save-handler", "audit-handler", "mutating-handler")
#: Of every component, when the queue's status was read.
EVERYWHERE = {
    "dovetail_queue_connected",
    "dovetail_group_joined",
    "dovetail_handler_seconds",
    "dovetail_messages_handled",
    "dovetail_status_seconds",
    "process_resident_memory_bytes",
}
OF_REQUESTS = {"todo_tasks_created", "http_requests", "http_request_duration_seconds"}


def checked(text: str) -> None:
    """By promtool, which has nothing to complain of."""
    try:
        run = subprocess.run(
            ["promtool", "check", "metrics"],
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise ServerMissing(
            "promtool was not found; on Debian: apt-get install prometheus"
        ) from None
    assert (run.returncode, run.stdout + run.stderr) == (0, "")


def values(text: str, name: str) -> dict[str, float]:
    """Of the samples of this name, by their subject, or else by all of their labels."""
    families = text_string_to_metric_families(text)
    samples = [one for family in families for one in family.samples if one.name == name]
    return {one.labels.get("subject", str(one.labels)): one.value for one in samples}


async def until(ask: Callable[[], Awaitable[str]], found: Callable[[str], bool]) -> str:
    """Ask again and again, as Prometheus does, until the answer has it."""
    text = ""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not found(text := await ask()):  # noqa: ASYNC110 - nothing announces it
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(text) from None
    return text


@pytest.fixture
def metrics_port(settings: dict[str, str]) -> str:
    settings["METRICS_PORT"] = port = str(free_ports(8))  # for whatever `up` starts
    return port


@pytest.mark.parametrize("component", COMPONENTS)
async def test_every_component_says_what_prometheus_understands(
    todo_command: Todo, nats_url: str, metrics_port: str, component: str
) -> None:
    command = await todo_command("run", component, QUEUE_URL=nats_url)
    await command.said("presence listens")

    async def ask() -> str:
        async with httpx.AsyncClient() as client:
            return (await client.get(f"http://127.0.0.1:{metrics_port}/metrics")).text

    # Its status is read because of the first, and shown from the next on.
    text = await until(ask, lambda text: bool(values(text, "dovetail_status_seconds")))
    checked(text)
    names = {family.name for family in text_string_to_metric_families(text)}
    assert names >= EVERYWHERE
    assert (names >= OF_REQUESTS) == (component in ("web", "api"))
    assert ("todo_live_pages" in names) == (component == "web")
    assert values(text, "dovetail_queue_connected") == {"{}": 1}
    assert values(text, "dovetail_group_joined")["requests.todo.whoisthere"] == 1


def _place(up: Command, name: str) -> str:
    """Where the banner says that this one's metrics are."""
    (line,) = (one for one in up.lines if one.endswith(f"/metrics of {name}"))
    return line.split()[1]


@pytest.mark.usefixtures("metrics_port")
async def test_an_item_is_counted_on_its_way(
    todo_command: Todo, settings: dict[str, str], queue_setting: dict[str, str]
) -> None:
    up = await todo_command("up", "--with", "audit-handler", **queue_setting)
    await up.said(RUNS)
    item_id = await add(settings, "milk")
    await up.said(f"saved {item_id}")
    await up.said("AUDIT @ ")

    async def ask(name: str) -> str:
        async with httpx.AsyncClient() as client:
            return (await client.get(_place(up, name))).text

    def handled(text: str) -> bool:
        return values(text, "dovetail_messages_handled_total").get("events.todo.newitem") == 1

    saved = await until(lambda: ask("save-handler"), handled)
    assert values(saved, "dovetail_messages_published_total")["events.todo.newitem"] == 1
    assert values(saved, "dovetail_handler_seconds_count")["events.todo.newitem"] == 1
    await until(lambda: ask("audit-handler"), handled)
    accepted = await ask("api")
    assert values(accepted, "todo_tasks_created_total") == {"{}": 1}
    checked(accepted)


@pytest.fixture
def told_modules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every command says at its end what it has loaded."""
    folder = tmp_path / "telling"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import atexit, sys\natexit.register(lambda: print('loaded', *sys.modules))\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(folder))


def _loaded(command: Command) -> set[str]:
    (line,) = (one for one in command.lines if one.startswith("loaded "))
    return set(line.split()[1:])


@pytest.mark.usefixtures("told_modules")
async def test_nothing_is_loaded_that_nobody_asked_for(todo_command: Todo, nats_url: str) -> None:
    for component in COMPONENTS:
        command = await todo_command("run", component, QUEUE_URL=nats_url)
        await command.said("presence listens")
        assert await command.stop() == 0
        loaded = _loaded(command)
        assert "dovetail.worker" in loaded
        assert "todo.monitoring.server" not in loaded
        packages = {name.partition(".")[0] for name in loaded}
        assert not packages & {"prometheus_client", "opentelemetry"}
        assert not loaded & {"dovetail.metrics", "dovetail.tracing", "todo.tracing"}


@pytest.mark.usefixtures("metrics_port", "told_modules")
async def test_a_handler_with_metrics_loads_no_web_server(
    todo_command: Todo, nats_url: str
) -> None:
    command = await todo_command("run", "audit-handler", QUEUE_URL=nats_url)
    await command.said("presence listens")
    assert await command.stop() == 0
    loaded = _loaded(command)
    assert {"todo.monitoring.server", "dovetail.metrics"} <= loaded
    packages = {name.partition(".")[0] for name in loaded}
    assert not packages & {"starlette", "uvicorn", "opentelemetry"}
