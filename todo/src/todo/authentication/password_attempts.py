"""Limits how often a password may be tried. Sessions do not count, so signed-in people are not affected."""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict, deque
from typing import Any

#: Wrong passwords in so many seconds: from one address, and from all of them together.
WINDOW_SECONDS = 300.0
MOST_FROM_ONE, MOST_IN_ALL = 10, 100
#: Addresses that are remembered.
_MOST_REMEMBERED = 10_000
#: What those without an address have.
_UNKNOWN = "unknown"


class PasswordAttempts:
    """Counts wrong passwords. The same wrong one counts once: a program with an old password repeats it."""

    def __init__(self) -> None:
        self._wrong: OrderedDict[str, deque[tuple[float, bytes]]] = OrderedDict()
        self._in_all: deque[float] = deque()
        #: Where the right password came from, which strangers elsewhere shall not keep out.
        self._known: OrderedDict[str, None] = OrderedDict()

    def wait(self, address: str | None) -> int:
        """Seconds until this address may try again; 0 where it may now."""
        place, now = _place(address), time.monotonic()
        times = [moment for moment, _ in self._recent(place, now)]
        waits = [_until_room(times, MOST_FROM_ONE, now)]
        if place not in self._known:
            while self._in_all and now - self._in_all[0] >= WINDOW_SECONDS:
                self._in_all.popleft()
            waits.append(_until_room(list(self._in_all), MOST_IN_ALL, now))
        return max(waits)

    def wrong(self, address: str | None, digest: bytes) -> None:
        """A wrong password came from there; `digest` stands for it."""
        place, now = _place(address), time.monotonic()
        recent = self._recent(place, now)
        if any(known == digest for _, known in recent):
            return
        recent.append((now, digest))
        self._in_all.append(now)
        self._wrong[place] = recent
        _remember(self._wrong, place)

    def right(self, address: str | None) -> None:
        """The right password came from there."""
        place = _place(address)
        self._wrong.pop(place, None)
        self._known[place] = None
        _remember(self._known, place)

    def _recent(self, place: str, now: float) -> deque[tuple[float, bytes]]:
        recent = self._wrong.get(place) or deque()
        while recent and now - recent[0][0] >= WINDOW_SECONDS:
            recent.popleft()
        return recent


def _until_room(times: list[float], most: int, now: float) -> int:
    """Seconds until there are fewer than `most` in the window; `times` are in order."""
    if len(times) < most:
        return 0
    return math.ceil(times[-most] + WINDOW_SECONDS - now)


def _remember(places: OrderedDict[str, Any], place: str) -> None:
    places.move_to_end(place)
    if len(places) > _MOST_REMEMBERED:
        places.popitem(last=False)


def _place(address: str | None) -> str:
    """The address; of IPv6 the network, since whoever has one address there has all of it."""
    try:
        found = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return _UNKNOWN
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
