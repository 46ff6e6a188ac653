"""GET /words: what a text says, while it is written."""

from __future__ import annotations

from typing import Any

import httpx


async def ask(client: httpx.AsyncClient, **asked: str) -> dict[str, Any]:
    answer = await client.get("/words", params=asked)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


async def test_it_tells_what_was_found_and_where(client: httpx.AsyncClient) -> None:
    text = "🥛 milk tomorrow 18:30 #shop"
    found = await ask(client, text=text, today="2026-11-29", zone="Europe/Berlin")
    due = "2026-11-30T18:30:00+01:00"
    assert found == {
        "text": "🥛 milk",
        "due": due,
        "tags": ["shop"],
        "found": [  # in UTF-16 code units: the first sign has two
            {"kind": "due", "at": [8, 16], "words": "tomorrow", "value": due},
            {"kind": "due", "at": [17, 22], "words": "18:30", "value": due},
            {"kind": "tag", "at": [23, 28], "words": "#shop", "value": "shop"},
        ],
    }


async def test_the_day_is_the_readers(client: httpx.AsyncClient) -> None:
    found = await ask(client, text="pay tomorrow", today="2027-02-28", zone="Asia/Shanghai")
    assert found["due"] == "2027-03-01"


async def test_what_is_chosen_otherwise_is_not_looked_for(client: httpx.AsyncClient) -> None:
    found = await ask(client, text="pay tomorrow #home", today="2026-11-29", due="")
    assert (found["text"], found["due"], found["tags"]) == ("pay tomorrow", None, ["home"])


async def test_a_wrong_day_or_zone_is_as_if_it_were_not_there(client: httpx.AsyncClient) -> None:
    for zone in ("Nowhere/There", "../../etc/passwd", "", "\0"):
        found = await ask(client, text="pay tomorrow", today="2026-13-45", zone=zone)
        assert found["text"] == "pay"
    assert await ask(client) == {"text": "", "due": None, "tags": [], "found": []}
