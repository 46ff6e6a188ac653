"""What goes on while the power is on, and what is counted after it was gone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

#: How long everything may take to be there again after a cut-off.
LIMIT_SECONDS = 90.0


@dataclass(frozen=True)
class Found:
    """What of all that was confirmed so far is there, and is not; ids."""

    #: And when, by time.monotonic.
    confirmed: Mapping[str, float] = field(default_factory=dict)
    #: Not there any more. What had been handled before has had its effect.
    missing: Set[str] = frozenset()
    #: Not handled by the group that ran all the time, which has nothing left to handle.
    unhandled: Set[str] = frozenset()
    #: Stored twice.
    doubled: Set[str] = frozenset()

    @property
    def lost(self) -> Set[str]:
        """Neither handled nor there."""
        return self.missing & self.unhandled

    @property
    def skipped(self) -> Set[str]:
        """There, and not handled: the group does not get it."""
        return self.unhandled - self.missing


class Load(ABC):
    """An async context manager. `run`, cut off, `again`, `settle`, and so on."""

    @abstractmethod
    async def run(self, seconds: float) -> None:
        """Publish for so long, and go on until `settle`."""

    @abstractmethod
    async def again(self) -> None:
        """Return when something was confirmed after the power was back."""

    @abstractmethod
    async def settle(self) -> Found:
        """Stop, and look for all that was confirmed so far."""

    @abstractmethod
    async def __aenter__(self) -> Self: ...

    @abstractmethod
    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
