"""What holds for every page: headers, errors, and files that never change."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import httpx
import pytest

import todo.web
from dovetail import MessageQueue
from todo.settings import Settings
from todo.store import Store
from todo.web.app import create_app

from .support import client_of

PAGES = ["/", "/new", "/list", "/diagnostics"]


@pytest.mark.parametrize("path", [*PAGES, "/nothing", "/metrics", "/items"])
async def test_a_browser_may_do_nothing_but_show_it(path: str, client: httpx.AsyncClient) -> None:
    response = await client.get(path)

    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self'" in policy
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "same-origin"
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", PAGES)
async def test_nothing_inline_and_nothing_from_elsewhere(
    path: str, client: httpx.AsyncClient
) -> None:
    html = (await client.get(path)).text

    assert "<style" not in html
    assert not re.search(r"\s(style|on\w+)=", html)
    # What scripts read is data, and runs nowhere.
    assert not re.search(r'<script(?![^>]* src=)(?! type="application/json")', html)
    for address in re.findall(r'(?:src|href|action)="([^"]*)"', html):
        assert re.match(r"/(?!/)|#", unescape(address))


@pytest.mark.parametrize("path", PAGES)
async def test_pages_are_whole_documents(path: str, client: httpx.AsyncClient) -> None:
    response = await client.get(path)

    assert response.headers["content-type"] == "text/html; charset=utf-8"
    html = response.text
    assert html.startswith('<!doctype html>\n<html lang="en">')
    assert html.count("<h1>") == 1
    assert html.count('aria-current="page"') == (path != "/new")
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))


async def test_static_files_are_kept_for_ever(client: httpx.AsyncClient) -> None:
    html = (await client.get("/list")).text
    addresses = re.findall(r'"(/static/[^"]+)"', html)

    assert {"style.css", "main.js", "icon.svg"} <= {one.rpartition("/")[2] for one in addresses}
    for address in addresses:
        response = await client.get(address, headers={"Accept-Encoding": "identity"})
        assert response.status_code == 200
        assert "immutable" in response.headers["cache-control"]
        packed = await client.get(address, headers={"Accept-Encoding": "gzip"})
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.content == response.content
        assert re.match(r"/static/[0-9a-f]{12}/", address)


async def test_vendored_files_bring_their_licence() -> None:
    folder = Path(todo.web.__file__).parent / "static" / "sortable"

    assert "MIT" in (folder / "LICENSE").read_text()
    assert (folder / "README.md").read_text().strip()


@pytest.mark.parametrize(
    "path", ["/static/nothing.js", "/static/../app.py", "/new/", "/%00", "/a b"]
)
async def test_unknown_addresses(path: str, client: httpx.AsyncClient) -> None:
    response = await client.get(path)

    assert response.status_code == 404
    assert "There is no page at this address" in response.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "BREW"])
async def test_unknown_methods(method: str, client: httpx.AsyncClient) -> None:
    response = await client.request(method, "/list")

    assert response.status_code == 405
    assert "GET" in response.headers["allow"]


async def test_head_is_taken_for_get(client: httpx.AsyncClient) -> None:
    for path in PAGES:
        assert (await client.head(path)).status_code == 200


async def test_metrics(client: httpx.AsyncClient) -> None:
    await client.post("/new", data={"item": "milk"})
    await client.post("/new", data={"item": ""})

    lines = (await client.get("/metrics")).text.splitlines()

    assert "todo_tasks_created_total 1.0" in lines
    assert "todo_tasks_refused_total 1.0" in lines
    assert "todo_live_pages 0.0" in lines


async def test_alive_and_ready(client: httpx.AsyncClient) -> None:
    assert (await client.get("/health")).status_code == 200
    assert (await client.get("/ready")).json()["status"] == "ready"


async def test_a_fault_of_ours(
    queue: MessageQueue, settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(ids: object) -> set[str]:
        raise RuntimeError("a bug")

    monkeypatch.setattr(store, "missing", fails)
    async with client_of(create_app(queue, store, settings)) as client:
        response = await client.get("/list")

    assert response.status_code == 500
    assert "Something went wrong here" in response.text
    assert "a bug" not in response.text
    assert "default-src 'none'" in response.headers["content-security-policy"]
