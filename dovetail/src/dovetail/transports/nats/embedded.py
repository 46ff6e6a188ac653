"""`embedded:` addresses: a NATS server of our own, and a connection to it."""

from __future__ import annotations

from typing import get_args
from urllib.parse import parse_qsl, unquote, urlsplit

from dovetail.embedded import EmbeddedServer, Sync
from dovetail.errors import ConfigurationError
from dovetail.options import QueueOptions, in_address
from dovetail.transports.nats.address import parse_address
from dovetail.transports.nats.transport import NatsTransport

DEFAULT_FOLDER = "data"
_PORTS = {"port": 4222, "monitor_port": 8222}
_SYNC: tuple[Sync, ...] = get_args(Sync)
_SWITCHES = {"true": True, "false": False}


class EmbeddedTransport(NatsTransport):
    """Starts the server when it is opened, or joins the one on the same folder; stops what it started."""

    def __init__(self, server: EmbeddedServer, options: QueueOptions) -> None:
        super().__init__(parse_address(server.url, options.setting), options)
        self._server = server

    async def open(self) -> None:
        await self._server.start()
        try:
            # Another process may have started it on other ports.
            self._client.move(parse_address(self._server.url, self._options.setting))
            await super().open()
        except BaseException:
            await self._server.stop()
            raise

    async def close(self) -> None:
        await super().close()
        await self._server.stop()


def server_of(url: str, setting: str) -> EmbeddedServer:
    """The server that `embedded:FOLDER?port=4222&sync=always` names, not started yet."""
    parts = urlsplit(url)
    if parts.netloc:
        raise ConfigurationError(
            f"{setting} names the host {parts.netloc}, and an embedded queue is on this machine: "
            "write embedded:folder or embedded:/some/folder, or nats://host:port for a server elsewhere",
            setting=setting,
        )
    ports, open_to_all = dict(_PORTS), False
    sync: Sync | None = None
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name in ports and value.isdecimal() and int(value) <= 65_535:
            ports[name] = int(value)
        elif name == "open" and value in _SWITCHES:
            open_to_all = _SWITCHES[value]
        elif name == "sync" and value in _SYNC:
            sync = _SYNC[_SYNC.index(value)]
        else:
            raise ConfigurationError(
                f"{setting} has {name}={value}; what may follow '?' is {' and '.join(_PORTS)}, each a "
                f"number; sync, which is {' or '.join(_SYNC)}; and open=true, for a server that takes "
                "everyone without its secret" + in_address([name]),
                setting=setting,
            )
    folder = unquote(parts.path) or DEFAULT_FOLDER
    return EmbeddedServer(folder, ports["port"], ports["monitor_port"], sync=sync, open=open_to_all)


def from_url(url: str, options: QueueOptions) -> EmbeddedTransport:
    """A transport for `embedded:`, not opened yet."""
    return EmbeddedTransport(server_of(url, options.setting), options)
