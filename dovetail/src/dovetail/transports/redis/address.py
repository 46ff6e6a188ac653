"""The address of a Redis server, of several with one master, or of the sentinels that know the master."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field

from dovetail.errors import ConfigurationError
from dovetail.network import tls
from dovetail.network.server_address import Host, ServerAddress, parse_server_address
from dovetail.network.tls import TlsFiles

DEFAULT_PORT, SENTINEL_PORT = 6379, 26379
EXAMPLE = "redis://localhost:6379"
SENTINEL_EXAMPLE = "redis+sentinel://one:26379,two:26379/master-name"
#: How we sign in to the sentinels: they have users of their own.
SENTINEL_PARAMETERS = ("sentinel_user", "sentinel_password")


@dataclass(frozen=True)
class Login:
    """Nothing is said where there is no password."""

    user: str | None = field(repr=False)
    password: str | None = field(repr=False)

    def words(self) -> tuple[str, ...]:
        """The command AUTH, which HELLO takes as well. Never to be kept in a variable."""
        return () if self.password is None else ("AUTH", self.user or "default", self.password)


@dataclass(frozen=True)
class Sentinel:
    """By which name the sentinels know our master, and how we sign in to them."""

    master: str
    login: Login


@dataclass(frozen=True)
class Address:
    """`rediss://user:password@host:port,other:port/0`: where to connect, and how to sign in.

    With `sentinel` the hosts are sentinels; `login` and `database` are for the master that they name.
    """

    hosts: tuple[Host, ...]
    tls: bool
    setting: str
    files: TlsFiles
    database: int
    login: Login
    sentinel: Sentinel | None = None

    @property
    def shown(self) -> str:
        """For logs and errors: without user and password."""
        hosts = ",".join(f"{host}:{port}" for host, port in self.hosts)
        scheme = "rediss" if self.tls else "redis"
        if self.sentinel:
            scheme, hosts = f"{scheme}+sentinel", f"{hosts}/{self.sentinel.master}"
        database = f"/{self.database}" if self.database else ""
        return f"{scheme}://{hosts}{database}"

    def tls_context(self) -> ssl.SSLContext | None:
        """As TlsFiles.context; None for a connection without TLS."""
        return self.files.context(self.setting) if self.tls else None


def parse_address(url: str, setting: str) -> Address:
    """The address in parts, or ConfigurationError that names the setting."""
    by_sentinel = url.partition(":")[0].lower().endswith("+sentinel")
    example = SENTINEL_EXAMPLE if by_sentinel else EXAMPLE
    parts = parse_server_address(
        url,
        setting,
        port=SENTINEL_PORT if by_sentinel else DEFAULT_PORT,
        example=example,
        parameters=(*tls.PARAMETERS, *(SENTINEL_PARAMETERS if by_sentinel else ())),
    )
    master, _, database = parts.path.rpartition("/") if by_sentinel else ("", "", parts.path)
    if by_sentinel and not master:  # there is no database after the name
        master, database = database, ""
    if bool(master) != by_sentinel or not (database or "0").isdecimal():
        name = "the name of the master, and then " if by_sentinel else ""
        raise ConfigurationError(
            f"{setting} must look like {example} or {example}/1: after the slash, {name}the number of a "
            "database",
            setting=setting,
        )
    if parts.user is not None and parts.password is None:
        raise ConfigurationError(
            f"{setting} has a user without a password; it must look like "
            "redis://user:password@host:6379, or redis://:password@host:6379",
            setting=setting,
        )
    is_tls = parts.scheme.startswith("rediss")
    return Address(
        hosts=parts.hosts,
        tls=is_tls,
        setting=setting,
        files=TlsFiles.named_in(parts.parameters, tls=is_tls, setting=setting),
        database=int(database or 0),
        login=Login(parts.user or None, parts.password),
        sentinel=Sentinel(master, _sentinel_login(parts, setting)) if by_sentinel else None,
    )


def _sentinel_login(parts: ServerAddress, setting: str) -> Login:
    user, password = map(parts.parameters.get, SENTINEL_PARAMETERS)
    if user and password is None:
        raise ConfigurationError(
            f"{setting} has sentinel_user without sentinel_password", setting=setting
        )
    return Login(user or None, password)
