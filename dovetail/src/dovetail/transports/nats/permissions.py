"""What the server does not let this user do. It says so beside the answers, and then gives none."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dovetail.errors import ConfigurationError

_VIOLATION = re.compile(
    r'permissions violation for (publish|subscription) to "([^"]+)"', re.IGNORECASE
)
_VERBS = {"publish": "publish to", "subscription": "subscribe to"}


class NotPermitted(ConfigurationError):
    """The user has no right to publish to this subject, or to subscribe to it."""

    def __init__(self, said: str, verb: str, subject: str, queue: str, setting: str | None) -> None:
        super().__init__(
            f"the queue at {queue} refuses this user: {said}; let it {_VERBS[verb]} {subject!r}",
            setting=setting,
        )
        self.verb = verb
        self.subject = subject


#: Told of each refusal; gives whether somebody waited for what was refused.
OnRefused = Callable[[NotPermitted], bool]


def refusal_in(said: str, queue: str, setting: str | None) -> NotPermitted | None:
    """The refusal that the server's error is; None for other errors."""
    found = _VIOLATION.search(said)
    return NotPermitted(said, found[1].lower(), found[2], queue, setting) if found else None


class Refusals:
    """Hands each refusal to whoever waits for what was refused."""

    def __init__(self, *listeners: OnRefused) -> None:
        self.listeners = [*listeners]

    def tell(self, refusal: NotPermitted) -> bool:
        """Whether somebody waits for what was refused."""
        return sum([listener(refusal) for listener in [*self.listeners]]) > 0

    @contextmanager
    def of(self, told: Callable[[NotPermitted], object], *subjects: str) -> Iterator[None]:
        """Tell of a refusal of one of these, as long as this lasts."""

        def listener(refusal: NotPermitted) -> bool:
            mine = refusal.subject in subjects
            if mine:
                told(refusal)
            return mine

        self.listeners.append(listener)
        try:
            yield
        finally:
            self.listeners.remove(listener)
