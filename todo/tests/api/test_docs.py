"""The description as a page: complete, readable without scripts, and nothing of it fetched from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import httpx
import pytest_asyncio

from dovetail import MessageQueue
from todo.api.app import create_app
from todo.settings import Settings
from todo.store import Store

from .support import client_of


@pytest_asyncio.fixture
async def page(client: httpx.AsyncClient) -> httpx.Response:
    response = await client.get("/docs")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    return response


async def test_everything_is_in_it(client: httpx.AsyncClient, page: httpx.Response) -> None:
    document = (await client.get("/openapi.json")).json()
    ids = re.findall(r' id="([^"]+)"', page.text)

    assert len(ids) == len(set(ids))
    for methods in document["paths"].values():
        for operation in methods.values():
            assert operation["operationId"] in ids
            for one in operation.get("parameters", ()):
                assert f"<code>{one['name']}</code>" in page.text
    assert set(document["components"]["schemas"]) <= set(ids)


async def test_its_links_lead_somewhere(client: httpx.AsyncClient, page: httpx.Response) -> None:
    ids = set(re.findall(r' id="([^"]+)"', page.text))
    for link in set(re.findall(r'(?:href|src)="([^"]+)"', page.text)):
        if link.startswith("#"):
            assert link[1:] in ids
        else:
            assert link.startswith("/")
            assert (await client.get(link)).status_code == 200


async def test_a_browser_may_fetch_nothing(page: httpx.Response) -> None:
    (style,) = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = page.headers["content-security-policy"]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert not re.search(r"<script|style=|\bon\w+=|url\(|@import", page.text)


async def test_it_can_be_read_where_there_is_a_password(
    queue: MessageQueue, store: Store, tmp_path: Path
) -> None:
    """A browser cannot send the password as a token."""
    app = create_app(queue, store, Settings(data_dir=tmp_path, password="secret"))
    async with client_of(app) as client:
        assert (await client.get("/docs")).status_code == 200
        assert (await client.get("/openapi.json")).status_code == 401
