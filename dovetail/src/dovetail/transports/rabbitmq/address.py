"""The address of a RabbitMQ server, or of several that form a cluster."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from dovetail.errors import ConfigurationError

PORT, TLS_PORT = 5672, 5671
EXAMPLE = "amqp://user:password@localhost:5672/vhost"

Host = tuple[str, int]


@dataclass(frozen=True)
class Address:
    """`amqps://user:password@host:port,other:port/vhost`: where to connect, and how to sign in."""

    hosts: tuple[Host, ...]
    tls: bool
    vhost: str
    user: str = field(repr=False)
    password: str = field(repr=False)

    @property
    def shown(self) -> str:
        """For logs and errors: without user and password."""
        hosts = ",".join(f"{host}:{port}" for host, port in self.hosts)
        vhost = "" if self.vhost == "/" else f"/{self.vhost}"
        return f"{'amqps' if self.tls else 'amqp'}://{hosts}{vhost}"

    def tls_context(self) -> ssl.SSLContext | None:
        """The system's certificates, or those of SSL_CERT_FILE; None for a connection without TLS."""
        return ssl.create_default_context() if self.tls else None


def parse_address(url: str, setting: str) -> Address:
    """The address in parts, or ConfigurationError that names the setting."""
    scheme, _, rest = url.partition("://")
    credentials, _, place = rest.rpartition("@")
    hosts, _, vhost = place.partition("/")
    if not hosts or "?" in place or "/" in vhost:
        raise ConfigurationError(
            f"{setting} must look like {EXAMPLE}, a '/' in the name of the vhost as %2F, without "
            "parameters after '?'",
            setting=setting,
        )
    user, colon, password = credentials.partition(":")
    if credentials and not colon:
        raise ConfigurationError(
            f"{setting} has a user without a password; it must look like {EXAMPLE}", setting=setting
        )
    tls = scheme == "amqps"
    return Address(
        hosts=tuple(_host(one, TLS_PORT if tls else PORT, setting) for one in hosts.split(",")),
        tls=tls,
        vhost=unquote(vhost) or "/",
        user=unquote(user) if credentials else "guest",
        password=unquote(password) if credentials else "guest",
    )


def _host(text: str, default_port: int, setting: str) -> Host:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port or default_port
    except ValueError:  # a port that is no number, or an address in brackets that is none
        host, port = None, 0
    if not host or not text.lower().startswith((host, "[")):
        raise ConfigurationError(
            f"{setting} has no usable host and port; it must look like {EXAMPLE}", setting=setting
        )
    return host, port
