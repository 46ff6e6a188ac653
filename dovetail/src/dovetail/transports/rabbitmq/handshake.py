"""How a connection begins: signing in, and seeing whether this is a server that serves us."""

from __future__ import annotations

from typing import Any

from pamqp import commands
from pamqp.common import FieldTable

from dovetail.errors import ConfigurationError
from dovetail.network import tls
from dovetail.network.protocol import ConnectionLost
from dovetail.network.server_address import Secret
from dovetail.transports.rabbitmq import limits
from dovetail.transports.rabbitmq.address import GUEST, Address
from dovetail.transports.rabbitmq.wire import Wire

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


def numbers_of(version: str) -> tuple[int, ...]:
    """Of a server, to be compared."""
    return tuple(int(word) for word in version.split(".")[:3] if word.isdecimal())


class NotNow(OSError):
    """The server is there, and does not serve yet."""


class Handshake:
    """Raises NotNow for what passes by itself, ConfigurationError for what does not."""

    def __init__(self, address: Address, setting: str, source: str) -> None:
        self._address = address
        self._setting = setting
        self._source = source

    async def greet(self, wire: Wire, heartbeat: int) -> str:
        """Sign in; gives the server's version. `heartbeat` is in seconds. Raises ConnectionLost as well."""
        start = await wire.expect()  # AmqpProtocol sees to what is said when
        version = self._check_server(start.server_properties)
        wire.secret = Secret(self._address.password)
        self._sign_in(wire)
        tune = await wire.expect()
        wire.frame_max = min(tune.frame_max or limits.FRAME_BYTES, limits.FRAME_BYTES)
        wire.most_channels = min(tune.channel_max or limits.MOST_CHANNELS, limits.MOST_CHANNELS)
        wire.tell(commands.Connection.TuneOk(wire.most_channels, wire.frame_max, heartbeat))
        await wire.expect(commands.Connection.Open(self._address.vhost))
        wire.beat(heartbeat)
        return version

    def failed(self, error: OSError | ConnectionLost, wire: Wire | None) -> Exception:
        """What it means that there is no connection."""
        if reason := tls.refusal(error) or (wire and tls.refusal(wire.lost_by)):
            return self._wrong("cannot be talked to over TLS", reason)
        if wire and wire.speaks_tls and not self._address.tls:
            return self._wrong("speaks TLS on this port", "write amqps: instead of amqp:")
        if isinstance(error, TimeoutError):
            hint = "; does it speak TLS there? (amqp: is for one that does not)"
            return NotNow(f"no answer{hint if self._address.tls else ''}")
        if isinstance(error, ConnectionLost):
            return self._meaning(str(error))
        return error

    def _sign_in(self, wire: Wire) -> None:
        """Not in the frame that waits for the reply: what is sent here is no longer held then."""
        properties: FieldTable = {"product": "dovetail", "connection_name": self._source}
        properties["capabilities"] = _CAPABILITIES
        wire.tell(
            commands.Connection.StartOk(properties, "PLAIN", self._address.sign_in(), "en_US")
        )

    def _check_server(self, properties: dict[str, Any]) -> str:
        product, version = str(properties.get("product", "")), str(properties.get("version", ""))
        if product != "RabbitMQ" or numbers_of(version) < OLDEST_SERVER:
            raise self._wrong(f"is {product} {version}", "RabbitMQ 3.10 or later is needed")
        return version

    def _meaning(self, said: str) -> OSError | ConfigurationError:
        if said.startswith(_NO_ACCESS):
            away = f" ({GUEST!r} may sign in from the server's own machine only)"
            hint = away if self._address.user == GUEST else ""
            return self._wrong("refused the user or the password", said + hint)
        if said.startswith(_NOT_ALLOWED) and "limit" not in said:  # others may leave
            vhost = self._address.vhost
            return self._wrong(f"does not let this user into the vhost {vhost!r}", said)
        return NotNow(said)

    def _wrong(self, what: str, why: str) -> ConfigurationError:
        return ConfigurationError(
            f"the queue at {self._address.shown} ({self._setting}) {what}: {why}",
            setting=self._setting,
        )
