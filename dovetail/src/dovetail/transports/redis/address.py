"""The address of a Redis server, or of several of which one is the master."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from dovetail.errors import ConfigurationError

DEFAULT_PORT = 6379
EXAMPLE = "redis://localhost:6379"

Host = tuple[str, int]


@dataclass(frozen=True)
class Address:
    """`rediss://user:password@host:port,other:port/0`: where to connect, and how to sign in."""

    hosts: tuple[Host, ...]
    tls: bool
    database: int
    user: str | None = field(repr=False)
    password: str | None = field(repr=False)

    @property
    def shown(self) -> str:
        """For logs and errors: without user and password."""
        hosts = ",".join(f"{host}:{port}" for host, port in self.hosts)
        database = f"/{self.database}" if self.database else ""
        return f"{'rediss' if self.tls else 'redis'}://{hosts}{database}"

    def tls_context(self) -> ssl.SSLContext | None:
        """The system's certificates, or those of SSL_CERT_FILE; None for a connection without TLS."""
        return ssl.create_default_context() if self.tls else None

    def sign_in(self) -> tuple[str, ...]:
        """The words of HELLO that say who we are."""
        if self.password is None:
            return ()
        return ("AUTH", self.user or "default", self.password)


def parse_address(url: str, setting: str) -> Address:
    """The address in parts, or ConfigurationError that names the setting."""
    scheme, _, rest = url.partition("://")
    credentials, _, place = rest.rpartition("@")
    hosts, _, database = place.partition("/")
    if not hosts or "?" in place or not (database or "0").isdecimal():
        raise ConfigurationError(
            f"{setting} must look like {EXAMPLE} or {EXAMPLE}/1, without parameters after '?'",
            setting=setting,
        )
    user, colon, password = credentials.partition(":")
    if credentials and not colon:
        raise ConfigurationError(
            f"{setting} has a user without a password; it must look like "
            "redis://user:password@host:6379, or redis://:password@host:6379",
            setting=setting,
        )
    return Address(
        hosts=tuple(_host(one, setting) for one in hosts.split(",")),
        tls=scheme == "rediss",
        database=int(database or 0),
        user=unquote(user) or None,
        password=unquote(password) if colon else None,
    )


def _host(text: str, setting: str) -> Host:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port or DEFAULT_PORT
    except ValueError:  # a port that is no number, or an address in brackets that is none
        host, port = None, 0
    if not host or not text.lower().startswith((host, "[")):
        raise ConfigurationError(
            f"{setting} has no usable host and port; it must look like {EXAMPLE}", setting=setting
        )
    return host, port
