"""Puts a password that is set on its own into the address that it belongs to."""

from __future__ import annotations

from urllib.parse import quote


def with_password(address: str, password: str) -> str:
    """The address with the password behind its user, encoded as an address needs it.

    ValueError, whose text follows the address's name, where there is no user, or a password already.
    """
    scheme, slashes, rest = address.partition("://")
    place, end = rest, ""
    for mark in "/?":
        place, found, behind = place.partition(mark)
        end = f"{found}{behind}{end}"
    user, at, hosts = place.rpartition("@")
    if not slashes or not at or not user:
        raise ValueError(
            "names no user, whose password this could be; write the user before the host, as in "
            "…://todo@host, or do without the password"
        )
    if ":" in user:
        raise ValueError("has a password already; leave one of the two out")
    return f"{scheme}://{user}:{quote(password, safe='')}@{hosts}{end}"
