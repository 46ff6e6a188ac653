"""How a connection begins: signing in, and seeing whether this is a server that serves us."""

from __future__ import annotations

from typing import Any

from pamqp import commands
from pamqp.common import FieldTable

from dovetail.errors import ConfigurationError
from dovetail.transports.rabbitmq import wire as wires
from dovetail.transports.rabbitmq.address import Address
from dovetail.transports.rabbitmq.wire import ConnectionLost, Wire

OLDEST_SERVER = (3, 10)
#: What the server says when it does not let us in, now or ever.
_NO_ACCESS, _NOT_ALLOWED = "403 ", "530 "
_CAPABILITIES: FieldTable = {
    "publisher_confirms": True,
    "basic.nack": True,
    "consumer_cancel_notify": True,
    "connection.blocked": True,
    "authentication_failure_close": True,
}


class NotNow(OSError):
    """The server is there, and does not serve yet."""


class Handshake:
    """Raises NotNow for what passes by itself, ConfigurationError for what does not."""

    def __init__(self, address: Address, setting: str, source: str) -> None:
        self._address = address
        self._setting = setting
        self._source = source

    async def greet(self, wire: Wire, heartbeat: int) -> str:
        """Sign in; gives the server's version. `heartbeat` is in seconds."""
        try:
            return await self._greet(wire, heartbeat)
        except ConnectionLost as error:
            raise self._meaning(str(error)) from error

    async def _greet(self, wire: Wire, heartbeat: int) -> str:
        start = await wire.expect()
        version = self._check_server(start.server_properties)
        user, password = self._address.user, self._address.password
        properties: FieldTable = {"product": "dovetail", "connection_name": self._source}
        properties["capabilities"] = _CAPABILITIES
        tune = await wire.expect(
            commands.Connection.StartOk(
                properties,
                "PLAIN",
                f"\0{user}\0{password}",
                "en_US",
            )
        )
        wire.frame_max = min(tune.frame_max or wires.FRAME_BYTES, wires.FRAME_BYTES)
        channels = min(tune.channel_max or wires.MOST_CHANNELS, wires.MOST_CHANNELS)
        wire.tell(commands.Connection.TuneOk(channels, wire.frame_max, heartbeat))
        await wire.expect(commands.Connection.Open(self._address.vhost))
        wire.beat(heartbeat)
        return version

    def _check_server(self, properties: dict[str, Any]) -> str:
        product, version = str(properties.get("product", "")), str(properties.get("version", ""))
        numbers = tuple(int(word) for word in version.split(".")[:2] if word.isdecimal())
        if product != "RabbitMQ" or numbers < OLDEST_SERVER:
            raise self._wrong(f"is {product} {version}", "RabbitMQ 3.10 or later is needed")
        return version

    def _meaning(self, said: str) -> OSError | ConfigurationError:
        if said.startswith(_NO_ACCESS):
            return self._wrong("refused the user or the password", said)
        if said.startswith(_NOT_ALLOWED):
            vhost = self._address.vhost
            return self._wrong(f"does not let this user into the vhost {vhost!r}", said)
        return NotNow(said)

    def _wrong(self, what: str, why: str) -> ConfigurationError:
        return ConfigurationError(
            f"the queue at {self._address.shown} ({self._setting}) {what}: {why}",
            setting=self._setting,
        )
