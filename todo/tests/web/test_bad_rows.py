"""Rows that something else has put into the table: each costs at most itself, in every view."""

from __future__ import annotations

import re
import sqlite3
from html import unescape
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from dovetail import MessageQueue
from todo.api.app import create_app as create_api
from todo.settings import Settings
from todo.store import Store
from todo.web import list_contents

from .support import EventStream, client_of, text_of

DATE = "2026-01-02 12:00:00"
BAD = [
    ("a0", None, DATE),
    ("a1", "", DATE),
    ("a2", b"\xff", DATE),
    ("a3", "\u200b\u3164", DATE),
    ("a4", "x" * 10_000_000, DATE),
    ("a5", "x", None),
    ("a6", "x", "yesterday"),
    ("a7", "x", "0001-01-01T00:00:00+14:00"),
    ("a8", "x", b"\xff"),
    ("a9/?&#%\n'\"<b>", "x", DATE),
    ("a9" + "\N{ZERO WIDTH SPACE}", "x", DATE),
    (None, "x", DATE),
    (b"a", "x", DATE),
    ("a" * 65, "x", DATE),
]
GOOD = [(f"{place}-{number}", f"good {number}", DATE) for number, place in enumerate("0a0zaz")]
#: Those whose id is no text of 64 characters at most.
LEFT_OUT = 3
SHOWN = len(BAD) + len(GOOD) - LEFT_OUT


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A database that somebody else has made, without any rule; and short pages."""
    monkeypatch.setattr(list_contents, "PAGE_SIZE", 2)
    with sqlite3.connect(tmp_path / "todo.db") as database:
        database.execute("CREATE TABLE todos (id VARCHAR(64), item VARCHAR, date_added VARCHAR)")
        database.execute("CREATE UNIQUE INDEX by_id ON todos (id)")
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR)")
        database.execute("INSERT INTO alembic_version VALUES ('0001')")
        database.executemany("INSERT INTO todos VALUES (?, ?, ?)", [*BAD, *GOOD])
    database.close()
    return Settings(data_dir=tmp_path)


async def test_the_list_leads_to_every_item(client: httpx.AsyncClient) -> None:
    texts: list[str] = []
    address = "/list"
    while True:
        response = await client.get(address)
        assert response.status_code == 200
        assert len(response.content) < 40_000
        found = re.findall('<a class="text"[^>{]*>(.*?)</a>', response.text, re.DOTALL)
        assert 0 < len(found) <= 2
        texts += map(unescape, found)
        older = re.search('id="more" rel="next" href="([^"]+)">', response.text)
        if older is None:
            break
        address = unescape(older[1])
    assert len(texts) == SHOWN
    assert sorted(text for text in texts if "good" in text) == sorted(row[1] for row in GOOD)
    assert all(map(str.strip, texts))
    assert texts.count("(no text)") == 2
    assert r"\u200b\u3164" in texts


async def test_what_follows_the_list(app: Starlette, client: httpx.AsyncClient) -> None:
    assert text_of((await client.get("/")).text, "left") == f"{len(BAD) + len(GOOD)} items left"
    listed = await client.get("/items")
    assert "good 5" in listed.text
    async with EventStream(app) as stream:
        await stream.until("reset")
    assert (await client.get("/diagnostics")).status_code == 200


@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
async def test_the_api_leads_to_every_item(
    queue: MessageQueue, store: Store, settings: Settings, limit: int
) -> None:
    ids: list[str] = []
    query: dict[str, str] = {"limit": str(limit)}
    async with client_of(create_api(queue, store, settings)) as client:
        while True:
            response = await client.get("/todo", params=query)
            assert response.status_code == 200
            ids += [one["id"] for one in response.json()["items"]]
            if response.json()["next"] is None:
                break
            query["after"] = response.json()["next"]
    assert len(ids) == SHOWN
    assert ids == sorted(set(ids))
