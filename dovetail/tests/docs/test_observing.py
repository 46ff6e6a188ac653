"""The programs of docs/observing.md run, and its tables have what is exported."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry

from dovetail import connect
from dovetail.embedded.ports import free_port
from dovetail.metrics import Metrics
from dovetail.testing.conformance.waiting import until
from dovetail.testing.servers import promtool

PAGE = (Path(__file__).parents[3] / "docs" / "observing.md").read_text()


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder with the page's programs."""
    blocks = re.findall(r"^```python\n# (\S+)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    for name, text in blocks:
        (tmp_path / name).write_text(text)
    assert {name for name, _ in blocks} == {"counted.py", "traced.py", "late.py"}
    return tmp_path


def said(program: Path) -> str:
    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@contextmanager
def running(program: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, program],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


async def scrape(port: int) -> str:
    async with httpx.AsyncClient() as client:
        try:
            answer = await client.get(f"http://127.0.0.1:{port}/metrics")
        except httpx.TransportError:
            return ""
    return answer.text


async def test_counted(programs: Path, nats_url: str) -> None:
    port = free_port()

    async def has(line: str) -> bool:
        return line in await scrape(port)

    place = '{group="billing",subject="events.shop.ordered"}'
    with running(programs / "counted.py", PORT=str(port), QUEUE_URL=nats_url) as process:
        await until(lambda: has(f"dovetail_group_joined{place} 1.0"), "it has joined")
        async with connect(nats_url) as queue:
            body = b'{"specversion":"1.0","id":"1","source":"s","type":"t","data":{"book":"Dune"}}'
            await queue.publish_raw("events.shop.ordered", body)
        await until(lambda: has(f"dovetail_messages_handled_total{place} 1.0"), "it is counted")
        assert await promtool("check", "metrics", stdin=await scrape(port)) == (0, "")
        process.send_signal(signal.SIGTERM)
        out, errors = await asyncio.to_thread(process.communicate, timeout=30)
        assert (process.returncode, out, errors) == (0, "billed Dune\n", "")


def test_traced(programs: Path) -> None:
    names = said(programs / "traced.py").split("\n")
    ordered = ["publish events.shop.ordered", "order", "process events.shop.ordered"]
    billed = ["publish events.shop.billed", "ack events.shop.ordered"]
    mailed = ["process events.shop.billed", "ack events.shop.billed"]
    assert sorted(filter(None, names)) == sorted(ordered + billed + mailed)
    for name in (*ordered, *billed):
        assert f"`{name}`" in PAGE.replace("\n", " ")


def test_late(programs: Path) -> None:
    assert said(programs / "late.py") == "billing took 0.1 s for events.shop.ordered\n"


async def test_tables_have_what_is_exported() -> None:
    registry = CollectorRegistry()
    async with connect("memory://") as queue:
        metrics = Metrics(queue, registry=registry)
        metrics.joined("g", "s")
        families = list(registry.collect())
    exported = {one.name + ("_total" if one.type == "counter" else "") for one in families}
    labelled = {one.name for one in families for sample in one.samples if "group" in sample.labels}
    rows = dict(re.findall(r"^\| `(dovetail_\w+)` \| (.*) \|$", PAGE, re.MULTILINE))
    assert set(rows) == exported
    for name, meaning in rows.items():
        assert ("no labels" not in meaning) or name not in labelled, name
    assert {one for one in rows if "no labels" in rows[one]} == {
        one
        for one in exported
        if not one.startswith(("dovetail_messages", "dovetail_group", "dovetail_handler"))
    }
