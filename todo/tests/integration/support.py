"""What several tests of `todo up` do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

import httpx

from .commands import PATIENCE_SECONDS, Command, children

#: The last words of its banner.
RUNS = "Ctrl-C stops it."


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what nothing announces."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.02)


def gone(pids: Iterable[int]) -> bool:
    """Whether none of these runs. A zombie has ended, whoever is to collect it."""
    return not any(_state(pid) for pid in pids)


def _state(pid: int) -> str:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return ""
    return "" if state == "Z" else state


def components(command: Command) -> list[str]:
    """What the command's children run."""
    found = [line for line in children(command.pid).values() if "nats-server" not in line]
    return sorted(line.rpartition(" ")[2] for line in found)


async def api_is_ready(settings: dict[str, str]) -> None:
    """Wait until the API reads the database, too: that is prepared after it has begun to answer."""
    url = f"http://127.0.0.1:{settings['API_PORT']}/ready"
    async with httpx.AsyncClient(timeout=10) as client, asyncio.timeout(PATIENCE_SECONDS):
        while (await client.get(url)).status_code != httpx.codes.OK:  # noqa: ASYNC110 - it has no signal
            await asyncio.sleep(0.02)


async def add(settings: dict[str, str], text: str) -> str:
    """POST /todo; the item's id."""
    async with httpx.AsyncClient(timeout=10) as client:
        url = f"http://127.0.0.1:{settings['API_PORT']}/todo"
        answer = await client.post(url, json={"item": text})
    assert answer.status_code == 202, answer.text
    found: str = answer.json()["id"]
    return found
