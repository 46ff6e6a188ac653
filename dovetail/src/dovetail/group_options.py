"""How a group takes its messages."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

from dovetail.checks.arguments import check_all
from dovetail.checks.rules import (
    NotAllowed,
    Rule,
    Seconds,
    an_object,
    one_of,
    optional,
    seconds,
    shown,
    whole,
)
from dovetail.limits import MOST_CONCURRENCY, MOST_PREFETCH
from dovetail.retry import Backoff

log = logging.getLogger("dovetail.worker")

#: Errors that mean "a dependency is down": classes, or a function that tells.
NotReadyErrors = tuple[type[Exception], ...] | Callable[[Exception], bool]


class GroupArguments(TypedDict, total=False):
    """The keyword arguments of `Group`. Times are seconds or a timedelta."""

    #: Pauses between attempts, and how many there are.
    retry: Backoff
    #: "first" also takes what was published before the group existed, "new" only what comes after.
    start: Literal["first", "new"]
    #: A member that says nothing for so long is taken for dead; 1 s at least. Running handlers renew it.
    lease: Seconds
    #: Handler calls at once in one worker. 1 keeps the order of messages, but for those that come again.
    concurrency: int
    #: Messages that one worker holds at most, in hand and waiting.
    prefetch: int
    #: A handler that takes longer is cancelled, and the attempt counts as failed. A plain function cannot be
    #: cancelled: its thread runs on to its end, maybe beside the next attempt; what it returns is ignored.
    timeout: Seconds | None
    #: Errors that mean "a dependency is down": they pause the group as NotReady does.
    not_ready: NotReadyErrors


@dataclass(frozen=True)
class GroupOptions:
    """GroupArguments, checked, with every time in seconds, and what holds where nothing is said."""

    retry: Backoff = field(default_factory=Backoff)
    start: Literal["first", "new"] = "first"
    lease: float = 15.0
    concurrency: int = 1
    prefetch: int = 1000
    timeout: float | None = None
    not_ready: NotReadyErrors = ()

    @classmethod
    def of(cls, group: str, given: Mapping[str, Any]) -> GroupOptions:
        """Those of this group; ConfigurationError says what is wrong with which."""
        return cls(**check_all(f"Group({group!r})", _RULES, given))

    def is_not_ready(self, error: Exception) -> bool:
        """Whether this error says that a dependency is down."""
        if isinstance(self.not_ready, tuple):
            return isinstance(error, self.not_ready)
        try:
            return bool(self.not_ready(error))
        except Exception as wrong:  # noqa: BLE001 - a user's function
            log.error(
                "not_ready itself raised %s when asked about %s, which counts as a failed attempt then",
                shown(wrong),
                shown(error),
            )
            return False


def _not_ready(value: Any) -> NotReadyErrors:
    if isinstance(value, tuple):
        if Exception in value:
            raise NotAllowed(
                "a tuple of the errors that say a dependency is down, as in (ConnectionError,): Exception is "
                "every error, so each mistake would pause the group for ever"
            )
        if all(isinstance(one, type) and issubclass(one, Exception) for one in value):
            return value
    elif callable(value) and not isinstance(value, type) and _takes_an_error(value):
        found: NotReadyErrors = value
        return found
    raise NotAllowed(
        "a tuple of classes of errors, as in (ConnectionError,), or a function that takes the error "
        "and returns True or False (not an async one)"
    )


def _takes_an_error(function: Callable[..., Any]) -> bool:
    call = function if inspect.isroutine(function) else type(function).__call__
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call):
        return False
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        return False
    except ValueError:  # a built-in function that does not tell
        return True
    return True


_RULES: dict[str, Rule] = {
    "retry": an_object(Backoff, "a Backoff, as in Backoff(tries=5)"),
    "start": one_of("first", "new"),
    "lease": seconds(least=1),
    "concurrency": whole(1, MOST_CONCURRENCY),
    "prefetch": whole(1, MOST_PREFETCH),
    "timeout": optional(seconds(above=0)),
    "not_ready": _not_ready,
}
