"""`embedded:` addresses: a NATS server of our own, and a connection to it."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit

from dovetail.embedded import EmbeddedServer
from dovetail.errors import ConfigurationError
from dovetail.options import QueueOptions
from dovetail.transports.nats.address import parse_address
from dovetail.transports.nats.transport import NatsTransport

DEFAULT_FOLDER = "data"
_PORTS = {"port": 4222, "monitor_port": 8222}


class EmbeddedTransport(NatsTransport):
    """Starts the server when it is opened, or joins the one on the same folder; stops what it started."""

    def __init__(self, server: EmbeddedServer, options: QueueOptions) -> None:
        super().__init__(parse_address(server.url, options.setting), options)
        self._server = server

    async def open(self) -> None:
        """As Transport.open."""
        await self._server.start()
        try:
            # Another process may have started it on other ports.
            self._client.address = parse_address(self._server.url, self._options.setting)
            await super().open()
        except BaseException:
            await self._server.stop()
            raise

    async def close(self) -> None:
        """As Transport.close."""
        await super().close()
        await self._server.stop()


def server_of(url: str, setting: str) -> EmbeddedServer:
    """The server that `embedded:FOLDER?port=4222&monitor_port=8222` names, not started yet."""
    parts = urlsplit(url)
    ports = dict(_PORTS)
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name not in ports or not value.isdecimal() or int(value) > 65_535:
            raise ConfigurationError(
                f"{setting} has {name}={value}; what may follow '?' is {' and '.join(_PORTS)}, each a number",
                setting=setting,
            )
        ports[name] = int(value)
    folder = unquote(parts.netloc + parts.path) or DEFAULT_FOLDER
    return EmbeddedServer(folder, ports["port"], ports["monitor_port"])


def from_url(url: str, options: QueueOptions) -> EmbeddedTransport:
    """A transport for `embedded:`, not opened yet."""
    return EmbeddedTransport(server_of(url, options.setting), options)
