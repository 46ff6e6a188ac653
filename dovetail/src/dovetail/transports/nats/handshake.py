"""How a connection begins: signing in, over TLS where the address or the server wants that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dovetail.errors import ConfigurationError
from dovetail.network import tls
from dovetail.network.protocol import ConnectionLost
from dovetail.transports.nats.address import Address
from dovetail.transports.nats.protocol import ServerInfo, connect
from dovetail.transports.nats.wire import Wire

#: How the names of embedded servers begin.
EMBEDDED = "dovetail-"
#: How the server's errors begin that say who we are is wrong, or not valid any more.
_REFUSALS = (
    "authorization violation",
    "authentication expired",
    "authentication revoked",
    "user authentication",
    "account authentication",
)


OLDEST_SERVER = (2, 10)
#: Before these, a killed server lost streams (nats-server #6888) or a block that it was rewriting (#7627),
#: and a paused one what it had not written yet (#7594).
MENDED_SERVERS = ((2, 11, 12), (2, 12, 3))


class NotNow(OSError):
    """The server is there, and does not serve us yet."""


class Handshake:
    """Raises NotNow for what passes by itself, ConfigurationError for what does not."""

    def __init__(self, address: Address, setting: str, source: str) -> None:
        self._address = address
        self._setting = setting
        self._source = source

    async def greet(self, wire: Wire, host: str) -> ServerInfo:
        """Sign in."""
        info = await wire.info
        if info.version_numbers < OLDEST_SERVER:
            raise self._wrong(
                f"is nats-server {info.version}, which is too old", "2.10 or later is needed"
            )
        if self._address.tls and not info.offers_tls:
            raise self._wrong(
                "offers no TLS", "switch it on there, or write nats: for a connection without"
            )
        if self._address.tls or info.tls_required:
            if not wire.greeted_only:  # whoever sits between us may have put it there
                raise self._wrong(
                    "cannot be talked to over TLS", "it sent more than its greeting without"
                )
            await wire.start_tls(self._address.tls_context(), host)
        wire.write(connect(self._introduction(info)))
        await wire.ping()
        return info

    def _introduction(self, info: ServerInfo) -> dict[str, Any]:
        # Not in `greet`: a report of an error there may show its variables, and this has secrets.
        return {
            "verbose": False,
            "pedantic": False,
            "lang": "python-dovetail",
            "version": "1",
            "protocol": 1,
            "headers": True,
            "no_responders": True,
            "name": self._source,
            **self._address.sign_in(info.nonce or ""),
        }

    def failed(self, error: OSError | ConnectionLost, wire: Wire | None) -> Exception:
        """What it means that there is no connection."""
        said = wire.last_error if wire else ""
        if wire and said.lower().startswith(_REFUSALS):
            if wire.info.result().server_name.startswith(EMBEDDED):
                said += "; it asks for the secret of its data folder: use embedded:, followed by that folder"
            return self._wrong("refused the user and password, token or key", said)
        if reason := tls.refusal(error) or (wire and tls.refusal(wire.lost_by)):
            return self._wrong("cannot be talked to over TLS", reason)
        if said or isinstance(error, ConnectionLost):
            return NotNow(said or str(error))
        return error

    def _wrong(self, what: str, why: str) -> ConfigurationError:
        return ConfigurationError(
            f"the queue at {self._address.shown} ({self._setting}) {what}: {why}",
            setting=self._setting,
        )


def doubts(info: ServerInfo, replicas: int) -> Iterator[str]:
    """What an operator should know of this server, though it serves us."""
    if info.cluster and replicas == 1:
        yield (
            "is a cluster, and a stream that is made now has one copy, which is gone while its server is: "
            "connect with replicas=3"
        )
    older, newer = MENDED_SERVERS
    version = info.version_numbers
    if not (version >= newer or older <= version < newer[:2]):
        yield (
            f"is nats-server {info.version}, which can lose what it confirmed when it is killed or paused: "
            "take 2.12.3 or later (or 2.11.12)"
        )
