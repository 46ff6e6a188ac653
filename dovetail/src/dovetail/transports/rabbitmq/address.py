"""The address of a RabbitMQ server, or of several that form a cluster."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from urllib.parse import unquote

from dovetail.errors import ConfigurationError
from dovetail.network import tls
from dovetail.network.server_address import Host, parse_server_address
from dovetail.network.tls import TlsFiles

DEFAULT_PORT, DEFAULT_TLS_PORT = 5672, 5671
EXAMPLE = "amqp://user:password@localhost:5672/vhost"
#: Whom every new server has; it lets that user in from its own machine only.
GUEST = "guest"


@dataclass(frozen=True)
class Address:
    """`amqps://user:password@host:port,other:port/vhost`: where to connect, and how to sign in."""

    hosts: tuple[Host, ...]
    tls: bool
    setting: str
    files: TlsFiles
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
        """As TlsFiles.context; None for a connection without TLS."""
        return self.files.context(self.setting) if self.tls else None

    def sign_in(self) -> str:
        """The response of SASL's mechanism PLAIN."""
        return f"\0{self.user}\0{self.password}"


def parse_address(url: str, setting: str) -> Address:
    """The address in parts, or ConfigurationError that names the setting."""
    is_tls = url.lower().startswith("amqps:")
    parts = parse_server_address(
        url,
        setting,
        port=DEFAULT_TLS_PORT if is_tls else DEFAULT_PORT,
        example=EXAMPLE,
        parameters=tls.PARAMETERS,
    )
    if "/" in parts.path:
        raise ConfigurationError(
            f"{setting} must look like {EXAMPLE}; a '/' in the name of the vhost is written as %2F",
            setting=setting,
        )
    if parts.user is not None and parts.password is None:
        raise ConfigurationError(
            f"{setting} has a user without a password; it must look like {EXAMPLE}", setting=setting
        )
    return Address(
        hosts=parts.hosts,
        tls=is_tls,
        setting=setting,
        files=TlsFiles.named_in(parts.parameters, tls=is_tls, setting=setting),
        vhost=unquote(parts.path) or "/",
        user=GUEST if parts.user is None else parts.user,
        password=GUEST if parts.password is None else parts.password,
    )
