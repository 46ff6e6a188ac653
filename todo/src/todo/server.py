"""Serves the web pages and the API over HTTP."""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette

from todo.serving.joined import HttpProtocol
from todo.settings_reader import SettingsInvalid

log = logging.getLogger("todo.server")

#: How long requests that run have to end after SIGTERM.
DRAIN_SECONDS = 8


@dataclass(frozen=True)
class Place:
    """Where to listen, and how the settings for it are called."""

    host: str
    port: int
    host_setting: str
    port_setting: str

    def bind(self) -> socket.socket:
        """The socket, which nobody can connect to before it is served. Raises SettingsInvalid."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self.host, self.port))
        except OSError as error:
            listener.close()
            raise SettingsInvalid([self._complaint(error)]) from error
        return listener

    def _complaint(self, error: OSError) -> str:
        if error.errno == errno.EADDRINUSE:
            return (
                f"{self.port_setting}: port {self.port} of {self.host} is in use by another program; "
                "allowed is a free port"
            )
        if error.errno in (errno.EACCES, errno.EPERM):
            return f"{self.port_setting}: this user may not use port {self.port}; allowed is 1024 and up"
        return (
            f"{self.host_setting}: {self.host!r} is no address of this machine ({error.strerror})"
        )


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
