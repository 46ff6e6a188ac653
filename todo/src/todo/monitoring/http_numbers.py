"""Counts of the requests of an HTTP component. They are plain numbers, which become metrics when read."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field

#: Upper bounds of the histogram's buckets, in seconds.
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class RouteNumbers:
    """For one method and route."""

    __slots__ = ("buckets", "seconds", "statuses")

    def __init__(self) -> None:
        self.statuses: defaultdict[int, int] = defaultdict(int)
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0

    def add(self, status: int, seconds: float) -> None:
        """One more response has begun, so long after its request."""
        self.statuses[status] += 1
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds


@dataclass
class HttpNumbers:
    """For all requests."""

    #: By method and route; there are as many as the application has, whatever strangers ask for.
    routes: defaultdict[tuple[str, str], RouteNumbers] = field(
        default_factory=lambda: defaultdict(RouteNumbers)
    )
    #: Requests whose response has not begun.
    in_progress: int = 0
