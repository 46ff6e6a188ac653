"""When to try again: exponential backoff with jitter. Pure arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Never

from dovetail import clock
from dovetail.checks.arguments import check, check_names
from dovetail.checks.rules import Seconds, number, seconds, whole

#: So many are as good as for ever, and every queue can count them.
MOST_TRIES = 1_000_000_000
_FACTOR = number("a number from 1 to 1000", lambda factor: 1 <= factor <= 1000)
_JITTER = number("a number from 0 to below 1", lambda jitter: 0 <= jitter < 1)


@dataclass(frozen=True, init=False)
class Backoff:
    """Pauses between attempts: seconds, or a timedelta.

    The pause after attempt n is `first * factor ** (n - 1)`, at most `most`, shortened at random by up
    to `jitter` of itself so that many failures do not return together. After `tries` attempts the
    message goes to the dead letters.
    """

    first: float
    most: float
    tries: int
    factor: float
    jitter: float

    def __init__(
        self,
        first: Seconds = 0.2,
        most: Seconds = 60.0,
        tries: int = 10,
        factor: float = 2.0,
        jitter: float = 0.2,
        **unknown: Never,
    ) -> None:
        check_names("Backoff", ("first", "most", "tries", "factor", "jitter"), unknown)
        shortest = check("Backoff", "first", first, seconds(above=0))
        checked = {
            "first": shortest,
            "most": check("Backoff", "most", most, seconds(least=shortest)),
            "tries": check("Backoff", "tries", tries, whole(1, MOST_TRIES)),
            "factor": check("Backoff", "factor", factor, _FACTOR),
            "jitter": check("Backoff", "jitter", jitter, _JITTER),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def pause(self, attempt: int) -> float:
        """Seconds to wait after the attempt with this number, the first being 1."""
        # The exponent and the factor are bounded because a float overflows at about 2 ** 1024.
        longest = min(self.most, self.first * self.factor ** min(attempt - 1, 64))
        return longest * (1 - self.jitter * clock.fraction())
