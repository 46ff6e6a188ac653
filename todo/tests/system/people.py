"""People who keep a list while everything around them fails, and what must have become of it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from itertools import count
from typing import Any

import httpx

from dovetail import new_id

from .application import Application

#: Seconds between two things that one of them does.
PAUSE = 0.03
#: Seconds until what was not accepted is tried again.
AGAIN = 0.1
FORM = {"Accept": "application/json"}
#: What an item is, but for when it was added and saved.
Fields = dict[str, Any]
Ask = Callable[[], Awaitable[httpx.Response]]


class Person:
    """Adds and changes items of their own, and does each thing again, under one key, until it is accepted."""

    def __init__(self, app: Application, name: str) -> None:
        self._app, self._name = app, name
        self._numbers = count()
        #: By id, what they look like to their owner.
        self.items: dict[str, Fields] = {}
        self.removed: dict[str, Fields] = {}
        self.accepted = self.refused = 0

    async def live(self, over: asyncio.Event) -> None:
        """Do one thing after another until it is over."""
        while not over.is_set():
            steps = [self._add] if len(self.items) < 5 else [self._add, self._remove]
            steps += [self._change] * 6 if self.items else []
            steps += [self._restore] if self.removed else []
            await random.choice(steps)()
            await asyncio.sleep(PAUSE)

    async def _add(self) -> None:
        text = f"{self._name} {next(self._numbers)}"
        key = {"Idempotency-Key": new_id()}
        answer = await self._until_accepted(
            lambda: self._app.http.post(self._api("/todo"), json={"item": text}, headers=key)
        )
        plain: Fields = {"done": False, "due": None, "tags": [], "notes": "", "item": text}
        self.items[answer.json()["id"]] = plain

    async def _change(self) -> None:
        number, item = next(self._numbers), random.choice(list(self.items))
        changes: list[Fields] = [
            {"item": f"{self._name} {number}", "notes": f"note {number}"},
            {"done": not self.items[item]["done"]},
            {"due": random.choice(["2099-12-03", "2099-12-03T18:30:00+01:00", None])},
            {"tags": [f"no{number % 7}", self._name]},
            {"notes": f"note {number}", "done": False},
        ]
        change, key = random.choice(changes), {"Idempotency-Key": new_id()}
        await self._until_accepted(
            lambda: self._app.http.patch(self._api(f"/todo/{item}"), json=change, headers=key)
        )
        self.items[item] |= change

    async def _remove(self) -> None:
        item = random.choice(list(self.items))
        # It is gone already where an answer that said so was lost.
        await self._until_accepted(
            lambda: self._app.http.delete(self._api(f"/todo/{item}")), {202, 204, 404}
        )
        self.removed[item] = self.items.pop(item)

    async def _restore(self) -> None:
        item = random.choice(list(self.removed))
        address = f"{self._app.web_url}/items/{item}/restore"
        await self._until_accepted(lambda: self._app.http.post(address, data={}, headers=FORM))
        self.items[item] = self.removed.pop(item)

    def _api(self, path: str) -> str:
        return self._app.api_url + path

    async def _until_accepted(self, ask: Ask, good: Iterable[int] = (200, 202)) -> httpx.Response:
        while True:
            try:
                answer = await ask()
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.status_code in good:
                self.accepted += 1
                return answer
            # Nothing but "not now", which says when to try again.
            if answer is not None:
                assert answer.status_code == 503, f"{answer.request.url}: {answer.text}"
                assert int(answer.headers["retry-after"]) > 0
            self.refused += 1
            await asyncio.sleep(AGAIN)
