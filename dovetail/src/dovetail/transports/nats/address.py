"""The address of a NATS server or cluster, and what it says about signing in."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import Any

from dovetail.checks.extras import how_to_get, missing
from dovetail.errors import ConfigurationError
from dovetail.network import tls
from dovetail.network.server_address import Host, parse_server_address
from dovetail.network.tls import TlsFiles

DEFAULT_PORT = 4222
EXAMPLE = "nats://localhost:4222"


@dataclass(frozen=True)
class Address:
    """`nats://user:password@host:port,other:port`: where to connect, and how to sign in."""

    hosts: tuple[Host, ...]
    tls: bool
    setting: str
    files: TlsFiles
    #: The file with a user's JWT and seed, and the one with a seed alone.
    credentials: str | None
    nkey: str | None
    user: str | None = field(repr=False)
    password: str | None = field(repr=False)

    @property
    def shown(self) -> str:
        """For logs and errors: without user and password."""
        scheme = "tls" if self.tls else "nats"
        return f"{scheme}://" + ",".join(f"{host}:{port}" for host, port in self.hosts)

    def tls_context(self) -> ssl.SSLContext:
        """As TlsFiles.context."""
        return self.files.context(self.setting)

    def sign_in(self, nonce: str = "") -> dict[str, Any]:
        """The fields of CONNECT that say who we are; a user without a password is a token.

        ConfigurationError where the file with the key cannot be used.
        """
        if self.credentials is not None or self.nkey is not None:
            return self._sign(nonce)
        if self.user is None:
            return {}
        if self.password is None:
            return {"auth_token": self.user}
        return {"user": self.user, "pass": self.password}

    def _sign(self, nonce: str) -> dict[str, Any]:
        try:
            from dovetail.transports.nats import nkeys  # noqa: PLC0415 - needs an extra
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                f"{self.setting} names a file with a key, which needs {missing(error)}: "
                f"{how_to_get(missing(error), 'nkeys')}",
                setting=self.setting,
            ) from error
        if self.credentials is not None:
            return nkeys.sign_with_credentials(self.credentials, nonce, self.setting)
        assert self.nkey is not None
        return nkeys.sign_with_seed(self.nkey, nonce, self.setting)


def parse_address(url: str, setting: str) -> Address:
    """The address in parts, or ConfigurationError that names the setting."""
    parts = parse_server_address(
        url,
        setting,
        port=DEFAULT_PORT,
        example=EXAMPLE,
        parameters=("credentials", "nkey", *tls.PARAMETERS),
    )
    if parts.path:
        raise ConfigurationError(
            f"{setting} has more after the port than NATS knows; it must look like {EXAMPLE}",
            setting=setting,
        )
    credentials, nkey = (parts.parameters.get(name) for name in ("credentials", "nkey"))
    if [parts.user, credentials, nkey].count(None) < 2:
        raise ConfigurationError(
            f"{setting} has more than one way to sign in; leave one of user, credentials and nkey",
            setting=setting,
        )
    is_tls = parts.scheme == "tls"
    return Address(
        hosts=parts.hosts,
        tls=is_tls,
        setting=setting,
        files=TlsFiles.named_in(parts.parameters, tls=is_tls, setting=setting),
        credentials=credentials,
        nkey=nkey,
        user=parts.user,
        password=parts.password,
    )
