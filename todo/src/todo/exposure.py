"""A component that other machines can reach needs a password, or a setting that says it needs none."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection

from todo.components import API, WEB
from todo.settings import Settings
from todo.settings_reader import SettingsInvalid


def check_exposed(settings: Settings, components: Collection[str]) -> None:
    """Raises SettingsInvalid where strangers would be let in by one of the components."""
    if settings.password or settings.open:
        return
    if settings.publish is not None and not _is_exposed(settings.publish):
        return
    hosts = {WEB: settings.web_host, API: settings.api_host}
    exposed = [name for name in hosts if name in components and _is_exposed(hosts[name])]
    if exposed:
        where = " and ".join(
            f"TODO_{name.upper()}_HOST ({hosts[name]})" for name in dict.fromkeys(exposed)
        )
        raise SettingsInvalid(
            [
                f"{where}: other machines could reach the to-do list, and nobody would be asked for a "
                "password; set TODO_PASSWORD, or TODO_OPEN=true if something in front of it lets in "
                "only those who may"
            ]
        )


def _is_exposed(host: str) -> bool:
    """Whether anybody but this machine can reach what listens there."""
    try:
        found = {str(one[4][0]) for one in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        return True
    return not all(_is_loopback(address) for address in found)


def _is_loopback(address: str) -> bool:
    found = ipaddress.ip_address(address)
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback
