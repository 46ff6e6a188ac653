"""The address of a NATS server or cluster, and what it says about signing in."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from dovetail.errors import ConfigurationError

DEFAULT_PORT = 4222


@dataclass(frozen=True)
class Address:
    """`nats://user:password@host:port,other:port`: where to connect, and how to sign in."""

    hosts: tuple[tuple[str, int], ...]
    tls: bool
    user: str | None = field(repr=False)
    password: str | None = field(repr=False)

    @property
    def shown(self) -> str:
        """For logs and errors: without user and password."""
        scheme = "tls" if self.tls else "nats"
        return f"{scheme}://" + ",".join(f"{host}:{port}" for host, port in self.hosts)

    def tls_context(self) -> ssl.SSLContext:
        """The system's certificates, or those of SSL_CERT_FILE."""
        return ssl.create_default_context()

    def sign_in(self) -> dict[str, Any]:
        """The fields of CONNECT that say who we are; a user without a password is a token."""
        if self.user is None:
            return {}
        if self.password is None:
            return {"auth_token": self.user}
        return {"user": self.user, "pass": self.password}


def parse_address(url: str, setting: str) -> Address:
    """The address in parts, or ConfigurationError that names the setting."""
    scheme, _, rest = url.partition("://")
    if not rest:
        raise ConfigurationError(f"{setting} must look like nats://localhost:4222", setting=setting)
    if parse_qs(urlsplit(url).query):
        raise ConfigurationError(f"{setting} takes no parameters after '?'", setting=setting)
    credentials, _, hosts = rest.rstrip("/").rpartition("@")
    user, colon, password = credentials.partition(":")
    return Address(
        hosts=tuple(_host(one, setting) for one in hosts.split(",")),
        tls=scheme == "tls",
        user=unquote(user) if credentials else None,
        password=unquote(password) if colon else None,
    )


def _host(text: str, setting: str) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port or DEFAULT_PORT
    except ValueError:  # a port that is no number, or an address in brackets that is none
        host, port = None, 0
    if not host or not text.lower().startswith((host, "[")) or "/" in text:
        raise ConfigurationError(
            f"{setting} has no usable host and port; it must look like nats://localhost:4222",
            setting=setting,
        )
    return host, port
