"""The address of a Redis server, or of several of which one is the master."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field

from dovetail import tls
from dovetail.errors import ConfigurationError
from dovetail.server_address import Host, parse_server_address
from dovetail.tls import TlsFiles

DEFAULT_PORT = 6379
EXAMPLE = "redis://localhost:6379"


@dataclass(frozen=True)
class Address:
    """`rediss://user:password@host:port,other:port/0`: where to connect, and how to sign in."""

    hosts: tuple[Host, ...]
    tls: bool
    setting: str
    files: TlsFiles
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
        """As TlsFiles.context; None for a connection without TLS."""
        return self.files.context(self.setting) if self.tls else None

    def sign_in(self) -> tuple[str, ...]:
        """The words of HELLO that say who we are."""
        if self.password is None:
            return ()
        return ("AUTH", self.user or "default", self.password)


def parse_address(url: str, setting: str) -> Address:
    """The address in parts, or ConfigurationError that names the setting."""
    parts = parse_server_address(
        url, setting, port=DEFAULT_PORT, example=EXAMPLE, parameters=tls.PARAMETERS
    )
    if not (parts.path or "0").isdecimal():
        raise ConfigurationError(
            f"{setting} must look like {EXAMPLE} or {EXAMPLE}/1: after the slash, the number of a database",
            setting=setting,
        )
    if parts.user is not None and parts.password is None:
        raise ConfigurationError(
            f"{setting} has a user without a password; it must look like "
            "redis://user:password@host:6379, or redis://:password@host:6379",
            setting=setting,
        )
    is_tls = parts.scheme == "rediss"
    return Address(
        hosts=parts.hosts,
        tls=is_tls,
        setting=setting,
        files=TlsFiles.named_in(parts.parameters, tls=is_tls, setting=setting),
        database=int(parts.path or 0),
        user=parts.user or None,
        password=parts.password,
    )
