"""How a queue is used. Times are in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from dovetail.errors import ConfigurationError
from dovetail.observing import Tracer


@dataclass(frozen=True)
class QueueOptions:
    """The keyword arguments of `connect`."""

    #: The CloudEvents `source` of what is published: who says so.
    source: str = "dovetail"
    #: How long `publish` and `send` wait for the queue's confirmation before they raise.
    timeout: float = 5.0
    #: How long `connect` keeps trying at first; None for as long as it takes.
    patience: float | None = 5.0
    #: What the address is called where the user sets it; errors and logs name it.
    setting: str = "the queue's address"
    #: How long events stay after every group has handled them, for groups yet to come.
    keep: timedelta = timedelta(days=7)
    #: Copies of each message in a cluster.
    replicas: int = 1
    #: Room on the store for events, in bytes; None for what the server allows.
    limit_bytes: int | None = None
    #: Follows what is published, as `dovetail.tracing.Tracing` does.
    tracer: Tracer | None = None

    def __post_init__(self) -> None:
        if self.timeout <= 0 or (self.patience is not None and self.patience < 0):
            raise ConfigurationError("timeout must be above 0, and patience 0 or more (or None)")
