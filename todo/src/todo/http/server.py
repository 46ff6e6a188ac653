"""Serves an application over HTTP until the process is told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import cast

import uvicorn
from starlette.applications import Starlette

from todo.allowed_hosts import Hosts
from todo.http.limits import UNREAD_SECONDS
from todo.http.protocol import HttpProtocol, ServerConnections
from todo.http.refusals import Style

log = logging.getLogger("todo.server")

#: How long requests that run have to end after SIGTERM; the rest of Docker's ten seconds is for closing.
DRAIN_SECONDS = 7


class Server(uvicorn.Server):
    """uvicorn without its handling of signals, which would end the process by the signal."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(app: Starlette, listener: socket.socket, hosts: Hosts, style: Style) -> None:
    """Serve until SIGTERM or SIGINT, then finish the requests that run; a second signal ends at once.

    `hosts` are the names that it answers to, and `style` is that of refusals.

    The application's `state.close`, where it has one, is called first: it ends what would go on for ever.
    """
    server_connections = ServerConnections(hosts, style)
    config = uvicorn.Config(
        app,
        http=cast("type[HttpProtocol]", partial(HttpProtocol, server_connections)),
        backlog=server_connections.limit.backlog,
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
    if hasattr(
        socket, "TCP_USER_TIMEOUT"
    ):  # ends those whose machine is gone, and who read nothing
        milliseconds = int(UNREAD_SECONDS * 1000)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
    # Connections have it from their listener. Without it the end of an answer waits until the client has
    # confirmed the rest; asyncio sets it only for sockets that name their protocol, which a Place's do not.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    watching = asyncio.create_task(server_connections.watch(), name="late connections")
    try:
        await server.serve(sockets=[listener])
    finally:
        watching.cancel()
