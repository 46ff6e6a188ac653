"""Counts of what an HTTP component accepted and refused."""

from __future__ import annotations

from dataclasses import dataclass, field

from todo.monitoring.http_numbers import HttpNumbers


@dataclass
class Metrics:
    """Counts since the process started. Plain numbers, so that counting costs nothing."""

    #: Items that the queue has accepted.
    created: int = 0
    #: Items that were refused: empty, too long, malformed.
    refused: int = 0
    #: Items that could not be accepted because the queue did not take them.
    unavailable: int = 0
    #: Open pages that are kept up to date; None in a component that has no pages.
    live_pages: int | None = None
    http: HttpNumbers = field(default_factory=HttpNumbers)
