"""Which addresses are on the public Internet, and what a name resolves to.

An address that somebody configured must not let events, or the answers to them, reach what is behind the
firewall: this machine, its network, a cloud's metadata. So the connection is made to the very address
that was checked, and not to what the name resolves to a moment later (DNS rebinding).
"""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

#: IPv6 addresses that a gateway may turn into the IPv4 address at their end (RFC 6052, RFC 8215).
_TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
#: What of IPv6 is given out (RFC 4291); all else is reserved.
_GIVEN_OUT = IPv6Network("2000::/3")


class PrivateAddress(Exception):
    """The name leads to private addresses only."""


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether it belongs to the public Internet, whatever it is wrapped in."""
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast
    for inner in (address.ipv4_mapped, address.sixtofour, _translated(address)):
        if inner is not None:
            return is_public(inner)
    return address.is_global and address.teredo is None and address in _GIVEN_OUT


def _translated(address: IPv6Address) -> IPv4Address | None:
    inside = any(address in network for network in _TRANSLATED)
    return IPv4Address(int(address) & 0xFFFF_FFFF) if inside else None


async def addresses_of(host: str, port: int, *, private: bool) -> list[str]:
    """The addresses to connect to, in the order of the system's; `private` ones only where allowed.

    Raises PrivateAddress, and OSError where the name leads nowhere.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(place[0]) for *_, place in found))
    allowed = [one for one in addresses if private or is_public(ip_address(one))]
    if not allowed:
        raise PrivateAddress(f"{host} leads to {addresses[0]}, a private address")
    return allowed
