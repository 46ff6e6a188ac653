"""How a queue is used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypedDict

from dovetail.checks.arguments import check_all
from dovetail.checks.rules import (
    Rule,
    Seconds,
    an_object,
    duration,
    optional,
    printable,
    seconds,
    text,
    whole,
)
from dovetail.limits import LONGEST_SOURCE, MOST_REPLICAS
from dovetail.observer import Tracer

#: As far as servers count.
MOST_BYTES = 2**63 - 1


class ConnectArguments(TypedDict, total=False):
    """The keyword arguments of `connect`. Times are seconds or a timedelta."""

    #: The CloudEvents `source` of what is published: who says so.
    source: str
    #: How long `publish` and `send` wait for the queue's confirmation before they raise.
    timeout: Seconds
    #: How long `connect` keeps trying at first, and a worker to join where the queue does not answer;
    #: None for as long as it takes.
    patience: Seconds | None
    #: What the address is called where the user sets it; errors and logs name it.
    setting: str
    #: How long events stay after every group has handled them, for groups yet to come; None for ever, also
    #: where the store gets full.
    keep: timedelta | None
    #: Copies of each message in a cluster.
    replicas: int
    #: Room on the store for events, in bytes; None for what the server allows.
    limit_bytes: int | None
    #: Follows what is published, as `dovetail.tracing.Tracing` does.
    tracer: Tracer | None


@dataclass(frozen=True)
class QueueOptions:
    """ConnectArguments, checked, with every time in seconds, and what holds where nothing is said."""

    source: str = "dovetail"
    timeout: float = 5.0
    patience: float | None = 5.0
    setting: str = "the queue's address"
    keep: timedelta | None = timedelta(days=7)
    replicas: int = 1
    limit_bytes: int | None = None
    tracer: Tracer | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> QueueOptions:
        """Those given; ConfigurationError says what is wrong with which."""
        return cls(**check_all("connect", _RULES, given))


_RULES: dict[str, Rule] = {
    "source": printable(LONGEST_SOURCE),
    "timeout": seconds(above=0),
    "patience": optional(seconds()),
    "setting": text,
    "keep": optional(duration),
    "replicas": whole(1, MOST_REPLICAS),
    "limit_bytes": optional(whole(1, MOST_BYTES)),
    "tracer": optional(an_object(Tracer, "an object of a class made from Tracer")),
}


def in_address(parameters: Iterable[str]) -> str:
    """What an error adds where one of an address's parameters is an argument of `connect`; else nothing."""
    for name in parameters:
        if name in _RULES:
            return f"; {name} is an argument of connect: connect(url, {name}=…)"
    return ""
