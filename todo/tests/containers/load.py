"""Adds items to the API at a steady rate, and remembers what was accepted."""

from __future__ import annotations

import asyncio
import itertools

import httpx

#: Items a second.
RATE = 200
CLIENTS = 24
#: The API waits this long for the queue, and the client a little longer. Seconds.
PATIENCE = 15.0


class Load:
    """Runs from entering the context until `stop`; `accepted` has the text of every item that got a 202."""

    def __init__(self, api_url: str) -> None:
        self._url = f"{api_url}/todo"
        self.accepted: list[str] = []
        self.refused: list[str] = []
        self._numbers = itertools.count()
        self._over = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Let what is on its way end; raises what went wrong."""
        self._over.set()
        await self._task

    async def until(self, count: int) -> None:
        """Return when so many more are accepted; raises what went wrong."""
        wanted = len(self.accepted) + count
        while len(self.accepted) < wanted:
            assert not self._task.done(), self.refused[-3:]
            await asyncio.sleep(0.05)

    async def _run(self) -> None:
        began = asyncio.get_running_loop().time()
        async with httpx.AsyncClient(timeout=PATIENCE) as http, asyncio.TaskGroup() as group:
            for _ in range(CLIENTS):
                group.create_task(self._client(http, began))

    async def _client(self, http: httpx.AsyncClient, began: float) -> None:
        clock = asyncio.get_running_loop().time
        while not self._over.is_set():
            number = next(self._numbers)
            await asyncio.sleep(max(0, began + number / RATE - clock()))
            text = f"item {number}"
            try:
                response = await http.post(self._url, json={"item": text})
            except httpx.TransportError as error:
                self.refused.append(repr(error))
                continue
            if response.status_code == 202:
                self.accepted.append(text)
            else:
                assert response.status_code == 503, response.text
                self.refused.append(response.text)
