"""The host names that this server answers to.

A page on another site can make its own name resolve to this machine (DNS rebinding); the browser then
takes it for the same origin as our pages. So requests for other names are refused. Addresses need no name
server, and are allowed.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Protocol

#: Names of this machine on every machine.
_LOCAL = ("localhost", "*.localhost")
#: The status of an answer to a request for somebody else.
MISDIRECTED = 421
#: What was asked before is known, up to so many names.
_MOST_KNOWN = 100


class Named(Protocol):
    """Settings that say by which names a component is reached."""

    @property
    def allowed_hosts(self) -> tuple[str, ...]: ...
    @property
    def web_host(self) -> str: ...
    @property
    def api_host(self) -> str: ...
    @property
    def metrics_host(self) -> str: ...


class Hosts:
    """The names in TODO_ALLOWED_HOSTS and those of this machine, and all addresses."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        allowed = [_as_sent(name) for name in (*_LOCAL, *names)]
        self._every = "*" in allowed
        self._names = frozenset(allowed)
        self._ends = tuple(name[1:] for name in allowed if name.startswith("*."))
        self._known: set[bytes] = set()

    def refusal(self, host: bytes) -> str | None:
        """Why a request with this Host header is refused; None where it is not."""
        if host in self._known:
            return None
        name = _name(host.decode("latin-1"))
        if name is None:
            return "The Host header is malformed."
        if not (self._every or self._is_ours(name)):
            return (
                f"This server does not answer to the name {name[:100]!a}. If it is one of its names, add "
                "it to TODO_ALLOWED_HOSTS."
            )
        if len(self._known) < _MOST_KNOWN:
            self._known.add(host)
        return None

    def _is_ours(self, name: str) -> bool:
        return name in self._names or name.endswith(self._ends) or _is_address(name)


def hosts_of(settings: Named) -> Hosts:
    """What the settings allow, and the names that they bind to."""
    bound = (settings.web_host, settings.api_host, settings.metrics_host)
    return Hosts((*settings.allowed_hosts, *bound))


def _name(host: str) -> str | None:
    """The name or address in a Host header, without its port; None where there is no sense in it."""
    name, bracket, port = host.partition("]")
    if bracket:
        name = name.removeprefix("[")
        port = port or ":"
    else:
        name, colon, port = host.partition(":")
        port = colon + port or ":"
    digits = port[1:]
    if not name or port[0] != ":" or not (digits == "" or (digits.isascii() and digits.isdigit())):
        return None
    return name.lower().removesuffix(".")


def _as_sent(name: str) -> str:
    """The name as a browser sends it: in small letters, and other scripts in Punycode."""
    name = name.lower().removesuffix(".")
    return name if name.isascii() else name.encode("idna").decode()


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def check_name(name: str) -> None:
    """ValueError where this cannot be one of the names that are allowed."""
    bare = name.removeprefix("*.")
    if name != "*" and (not bare or not all(one.isalnum() or one in "-_." for one in bare)):
        raise ValueError(f"{name!r:.80} is no host name: write it without scheme, port and path")
