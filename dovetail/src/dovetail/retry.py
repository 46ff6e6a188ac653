"""When to try again: exponential backoff with jitter. Pure arithmetic."""

from __future__ import annotations

import random
from dataclasses import dataclass

from dovetail.errors import ConfigurationError


@dataclass(frozen=True)
class Backoff:
    """Pauses between attempts, in seconds.

    The pause after attempt n is `first * factor ** (n - 1)`, at most `most`, shortened at random by up
    to `jitter` of itself so that many failures do not return together. After `tries` attempts the
    message goes to the dead letters.
    """

    first: float = 0.2
    most: float = 60.0
    tries: int = 10
    factor: float = 2.0
    jitter: float = 0.2

    def __post_init__(self) -> None:
        if not (self.first > 0 and self.most >= self.first and self.factor >= 1):
            raise ConfigurationError("a backoff needs 0 < first <= most and factor >= 1")
        if self.tries < 1 or not 0 <= self.jitter < 1:
            raise ConfigurationError("a backoff needs tries >= 1 and 0 <= jitter < 1")

    def pause(self, attempt: int) -> float:
        """Seconds to wait after the attempt with this number, the first being 1."""
        # The exponent is bounded because a float overflows at about 2 ** 1024.
        longest = min(self.most, self.first * self.factor ** min(attempt - 1, 64))
        return longest * (1 - self.jitter * random.random())
