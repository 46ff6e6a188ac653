"""A fake server over real sockets, on an event loop of its own: for the conformance suite."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from dovetail.testing.servers.process import Server
from simulation.servers.base import FakeServer

Result = TypeVar("Result")

#: Steps of the event loop until a connection that asyncio has accepted is known to the server.
_ACCEPTING_STEPS = 3


class ThreadedServer(Server):
    """What tests do with a real server, they can do with this: kill it, freeze it, start it again.

    The server keeps what it has stored for as long as this object lives. It runs in a thread, so that a
    test whose event loop is blocked does not block the server.
    """

    def __init__(self, make: Callable[[], FakeServer]) -> None:
        super().__init__()
        self.fake = make()
        self._loop = asyncio.new_event_loop()
        self._thread: threading.Thread | None = None
        self._listener: asyncio.Server | None = None
        self._frozen: threading.Event | None = None

    @property
    def url(self) -> str:
        """As Server.url."""
        return self.fake.url(self.host, self.port)

    @property
    def running(self) -> bool:
        """As Server.running."""
        return self._listener is not None

    async def start(self) -> None:
        """As Server.start."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
            self._thread.start()
        self._listener = await self._there(self._listen())

    async def stop(self) -> None:
        """As Server.stop."""
        if self.running:
            await self.kill()

    async def kill(self) -> None:
        """As Server.kill."""
        self.resume()
        await self._there(self._crash())

    def pause(self) -> None:
        """As Server.pause."""
        thaw, stands = threading.Event(), threading.Event()

        def freeze() -> None:
            stands.set()
            thaw.wait()

        self._frozen = thaw
        self._loop.call_soon_threadsafe(freeze)
        stands.wait()

    def resume(self) -> None:
        """As Server.resume."""
        if self._frozen is not None:
            self._frozen.set()
            self._frozen = None

    async def _leave(self) -> None:
        await super()._leave()
        if self._thread is not None:
            await self._there(self._end())
            self._loop.call_soon_threadsafe(self._loop.stop)
            await asyncio.to_thread(self._thread.join)
        self._loop.close()

    async def _listen(self) -> asyncio.Server:
        return await self._loop.create_server(self.fake.accept, self.host, self.port)

    async def _crash(self) -> None:
        assert self._listener is not None
        self._listener.close()
        for _ in range(_ACCEPTING_STEPS):
            await asyncio.sleep(0)
        self.fake.crash()
        with contextlib.suppress(TimeoutError):  # connections that were aborted just now
            await asyncio.wait_for(self._listener.wait_closed(), 1)
        self._listener = None

    async def _end(self) -> None:
        self.fake.close()
        await asyncio.sleep(0)  # sockets are closed in the next step

    async def _there(self, work: Coroutine[Any, Any, Result]) -> Result:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    # What only processes have

    def _command(self) -> list[str]:
        raise NotImplementedError("it is no process")

    async def _is_ready(self) -> bool:
        return self.running

    @property
    def log(self) -> Path:
        """There is none."""
        raise NotImplementedError("it is no process")
