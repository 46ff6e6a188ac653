"""The address of a server in parts: `scheme://user:password@host:port,host:port/path?name=value`.

Shared by the transports that connect over a network. Whoever fails half-way has no secret in a variable:
tracebacks may be printed with what each frame holds.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from dovetail.errors import ConfigurationError
from dovetail.options import in_address

Host = tuple[str, int]

#: The most that the domain name system takes between two dots (RFC 1035).
_PART_CHARACTERS = 63


class Secret(str):
    """A text that does not show itself in representations, and so not in tracebacks with variables."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'…'"


@dataclass(frozen=True)
class ServerAddress:
    """What an address says. `hosts` is empty where one of them is not usable."""

    scheme: str = field(repr=False)
    hosts: tuple[Host, ...]
    path: str = field(repr=False)
    parameters: Mapping[str, str] = field(repr=False)
    user: str | None = field(repr=False)
    password: str | None = field(repr=False)


def parse_server_address(
    url: str, setting: str, *, port: int, example: str, parameters: Collection[str] = ()
) -> ServerAddress:
    """The parts, with `port` for hosts without one; ConfigurationError names the setting and no secret."""
    url = Secret(url)
    address = _split(url, port)
    if not address.hosts:
        raise ConfigurationError(
            f"{setting} has no usable host and port; it must look like {example} (in a user or password, "
            "write / ? # and @ as %2F %3F %23 and %40)",
            setting=setting,
        )
    if flaw := next(filter(None, (flaw_of(host) for host, _ in address.hosts)), None):
        raise ConfigurationError(
            f"{setting} names a host that there cannot be: {flaw}", setting=setting
        )
    if not address.parameters.keys() <= set(parameters):
        taken = ", ".join(parameters) if parameters else "nothing"
        raise ConfigurationError(
            f"{setting} takes {taken} after '?'{in_address(address.parameters)}", setting=setting
        )
    return address


def without_secrets(url: str) -> str:
    """The address for people to see: without user, password and parameters."""
    scheme, slashes, rest = url.partition("://")
    if not slashes:
        return url
    return f"{scheme}{slashes}{rest.rpartition('@')[2].partition('?')[0]}"


def flaw_of(host: str) -> str | None:
    """What makes this no host's name, without repeating it; None where there may be such a host."""
    if " " in host or not host.isprintable():
        return "there are characters in it that no name has"
    try:
        host.encode("idna")  # as the resolver will: where this fails, it raises no OSError
    except UnicodeError:
        parts = host.removesuffix(".").split(".")
        if not all(parts):
            return "a part of its name, between two dots or before the first, is empty"
        if any(len(part) > _PART_CHARACTERS for part in parts):
            return f"a part of its name is longer than {_PART_CHARACTERS} characters"
        return "its name has no form in ASCII (IDNA) that could be looked up"
    return None


def _split(url: str, port: int) -> ServerAddress:
    scheme, _, rest = url.partition("://")
    before, _, query = rest.partition("?")
    login, _, place = before.rpartition("@")
    hosts, _, path = place.partition("/")
    user, colon, password = login.partition(":")
    found = [_host(one, port) for one in hosts.split(",")]
    return ServerAddress(
        scheme=scheme.lower(),
        hosts=tuple(host for host in found if host) if all(found) else (),
        path=path,
        parameters=dict(parse_qsl(query, keep_blank_values=True)),
        user=unquote(user) if login else None,
        password=unquote(password) if colon else None,
    )


def _host(text: str, default_port: int) -> Host | None:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port or default_port
    except ValueError:  # a port that is no number, or an address in brackets that is none
        return None
    return (host, port) if host and text.lower().startswith((host, "[")) else None
