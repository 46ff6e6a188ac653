"""Serves the web pages and the API over HTTP."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette

from todo.serving.joined import HttpProtocol

log = logging.getLogger("todo.server")

#: How long requests that run have to end after SIGTERM; the rest of Docker's ten seconds is for closing.
DRAIN_SECONDS = 7


class Server(uvicorn.Server):
    """uvicorn, with signals left to us: its own way is to die of them after it has stopped."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


async def serve(app: Starlette, listener: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT, then finish the requests that run; a second signal ends at once.

    The application's `state.close`, where it has one, is called first: it ends what would go on for ever.
    """
    config = uvicorn.Config(
        app,
        http=HttpProtocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    server = Server(config)
    end_streams: Callable[[], None] = getattr(app.state, "close", lambda: None)

    def on_signal() -> None:
        server.force_exit = server.should_exit
        server.should_exit = True
        end_streams()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    await server.serve(sockets=[listener])
