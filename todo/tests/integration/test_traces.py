"""One trace leads from a request to the row, and to the event that updates the page."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from dovetail.embedded.ports import free_port

from .collector import Collector, Span, collecting
from .conftest import Todo
from .support import RUNS, add, api_is_ready

WRONG = 2
#: A trace that someone else has begun, and the span in which the request is made.
TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
NEW, SAVED = "events.todo.newitem", "events.todo.itemsaved"


@pytest.fixture
def endpoint(settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """Where spans are sent, without waiting for many of them."""
    settings["TRACES_ENDPOINT"] = url = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    return url


@pytest_asyncio.fixture
async def collector(endpoint: str) -> AsyncIterator[Collector]:
    async with collecting(int(endpoint.rpartition(":")[2])) as collector:
        yield collector


def one(spans: list[Span], component: str, name: str) -> Span:
    found = [span for span in spans if (span.component, span.name) == (component, name)]
    assert len(found) == 1, (component, name, [(span.component, span.name) for span in spans])
    return found[0]


async def test_from_the_request_to_the_row_and_the_page(
    todo_command: Todo,
    settings: dict[str, str],
    queue_setting: dict[str, str],
    collector: Collector,
) -> None:
    up = await todo_command("up", **queue_setting)
    await up.said(RUNS)
    await up.said(f"save-handler listens on {NEW}")
    async with (
        httpx.AsyncClient(timeout=20) as client,
        client.stream("GET", f"http://127.0.0.1:{settings['WEB_PORT']}/live") as page,
    ):
        lines = page.aiter_lines()
        await anext(lines)
        answer = await client.post(
            f"http://127.0.0.1:{settings['API_PORT']}/todo",
            json={"item": "milk"},
            headers={"traceparent": f"00-{TRACE}-{CALLER}-01"},
        )
        assert answer.status_code == 202
        # Each component sends its spans when it likes.
        last = {f"update pages {SAVED}", f"ack {NEW}", "POST /todo"}
        await collector.until(lambda spans: last <= {span.name for span in spans})
    spans = [span for span in collector.spans if span.trace == TRACE]
    request = one(spans, "api", "POST /todo")
    assert request.parent == CALLER
    assert request.attributes["http.response.status_code"] == 202
    published = one(spans, "api", f"publish {NEW}")
    processed = one(spans, "save-handler", f"process {NEW}")
    row = one(spans, "save-handler", "INSERT todos")
    caused = one(spans, "save-handler", f"publish {SAVED}")
    settled = one(spans, "save-handler", f"ack {NEW}")
    told = one(spans, "web", f"update pages {SAVED}")
    assert published.parent == request.id
    assert processed.parent == published.id
    assert row.parent == processed.id
    assert row.attributes["db.system.name"] == "sqlite"
    assert caused.parent == processed.id
    assert settled.parent == processed.id
    assert told.parent == caused.id
    assert told.attributes["todo.live_pages"] == 1
    assert {published.attributes["messaging.message.id"]} == {answer.json()["id"]}
    system = next(iter(queue_setting.values()), "nats").partition(":")[0]
    assert published.attributes["messaging.system"] == {"amqp": "rabbitmq"}.get(system, system)


async def test_items_of_one_batch_are_linked_to_what_saved_them(
    todo_command: Todo, settings: dict[str, str], collector: Collector
) -> None:
    up = await todo_command("up", "--without", "save-handler")
    await up.said(RUNS)
    ids = {await add(settings, f"item {number}") for number in range(4)}
    handler = await todo_command("run", "save-handler")
    await handler.said("presence listens")
    for item_id in ids:
        await handler.said(item_id, times=2)
    await collector.until(
        lambda spans: (
            sum(s.name == f"process {NEW}" for s in spans) >= len(ids)
            and any(s.name == "INSERT todos" for s in spans)
        )
    )
    published = [s for s in collector.spans if s.name == f"publish {NEW}"]
    assert len({span.trace for span in published}) == len(ids)
    rows = [s for s in collector.spans if s.name == "INSERT todos"]
    links = {link for row in rows for link in _batch_of(collector.spans, row).links}
    alone = {(row.trace, _batch_of(collector.spans, row).parent) for row in rows}
    assert {(span.trace, span.id) for span in published} <= links | alone


def _batch_of(spans: list[Span], row: Span) -> Span:
    (batch,) = (span for span in spans if span.id == row.parent)
    return batch


async def test_the_last_spans_are_sent_at_the_end(
    todo_command: Todo,
    settings: dict[str, str],
    collector: Collector,
    nats_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "600000")
    command = await todo_command("run", "api", QUEUE_URL=nats_url)
    await command.said("listening at")
    await api_is_ready(settings)
    item_id = await add(settings, "milk")
    async with httpx.AsyncClient() as client:
        address = f"http://127.0.0.1:{settings['API_PORT']}/todo/{item_id}"
        changing = await client.patch(address, json={"done": True})
    assert changing.status_code == 202, changing.text
    assert not collector.spans
    assert await command.stop() == 0
    names = {span.name for span in collector.spans}
    assert {"POST /todo", f"publish {NEW}"} <= names
    changed = one(collector.spans, "api", "PATCH /todo/{id}")
    published = one(collector.spans, "api", "publish events.todo.item.completed")
    assert published.parent == changed.id


@asynccontextmanager
async def silence_at(endpoint: str) -> AsyncIterator[None]:
    """Something that takes what it is sent, and never answers."""
    writers: list[asyncio.StreamWriter] = []
    port = int(endpoint.rpartition(":")[2])
    async with await asyncio.start_server(lambda _, one: writers.append(one), "127.0.0.1", port):
        yield
        for one in writers:
            one.close()
            with contextlib.suppress(ConnectionError):
                await one.wait_closed()


@pytest.mark.usefixtures("endpoint")
@pytest.mark.parametrize("silent", [False, True], ids=["refuses", "silent"])
async def test_a_collector_that_is_away_costs_a_warning(
    todo_command: Todo, settings: dict[str, str], nats_url: str, silent: bool
) -> None:
    silence = contextlib.AsyncExitStack()
    if silent:
        await silence.enter_async_context(silence_at(settings["TRACES_ENDPOINT"]))
    command = await todo_command("run", "api", QUEUE_URL=nats_url)
    await command.said("listening at")
    for number in range(10):
        await add(settings, f"item {number}")
    line = await command.said("TODO_TRACES_ENDPOINT")
    assert "spans are lost: the collector at http://127.0.0.1:" in line
    started = time.monotonic()
    assert await command.stop() == 0
    assert time.monotonic() - started < 8
    assert sum("TODO_TRACES_ENDPOINT" in one for one in command.lines) <= 2
    assert "Traceback" not in command.text
    await silence.aclose()


@pytest.mark.usefixtures("endpoint")
async def test_packages_that_are_missing_are_named(
    todo_command: Todo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _hide(tmp_path / "hidden")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "hidden"))
    command = await todo_command("run", "audit-handler", QUEUE_URL="nats://127.0.0.1:1")
    assert await command.ended() == WRONG
    (line,) = command.lines
    assert line == (
        "TODO_TRACES_ENDPOINT: traces need opentelemetry, which is not installed: "
        "pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http (or "
        "'dovetail-todo[tracing]'), or leave the setting out"
    )


def _hide(folder: Path) -> None:
    """As if OpenTelemetry were not installed."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text("import sys\nsys.modules['opentelemetry'] = None\n")
