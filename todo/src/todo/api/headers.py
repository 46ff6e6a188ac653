"""Headers that keep a browser from storing answers of the API, and from guessing their type."""

from __future__ import annotations

from collections.abc import Iterable

#: Of a request, as ASGI has them.
Headers = Iterable[tuple[bytes, bytes]]

#: No more than these: each costs an accepted item half a microsecond.
HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
RAW = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
