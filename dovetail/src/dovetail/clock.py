"""The one place where the library reads the time and draws what is random.

A simulation replaces the three functions below, and the event loop, by which everything sleeps; so the same
seed gives the same run. Call them by this module, `clock.monotonic()`, and never by a name of your own that
outlives the call.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

Item = TypeVar("Item")

#: Seconds by a clock that is never set.
monotonic: Callable[[], float] = time.monotonic
#: Nanoseconds since 1970 by the clock on the wall.
time_ns: Callable[[], int] = time.time_ns
#: So many bytes that nobody can guess.
random_bytes: Callable[[int], bytes] = os.urandom

#: For jitter and order, where it does not matter who guesses.
_chance = random.Random()


def now() -> datetime:
    """The present time by the clock on the wall, in UTC."""
    return datetime.fromtimestamp(time_ns() / 1e9, UTC)


def token(size: int = 8) -> str:
    """A name that nobody else has: so many random bytes, in hexadecimal digits."""
    return random_bytes(size).hex()


def fraction() -> float:
    """Between 0 and 1."""
    return _chance.random()


def shuffled(items: Sequence[Item]) -> list[Item]:
    """The items in random order."""
    return _chance.sample(items, len(items))


def seed(number: int) -> None:
    """For simulations: what is drawn from now on depends on this only, `random_bytes` apart."""
    _chance.seed(number)
