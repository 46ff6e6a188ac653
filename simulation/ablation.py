"""Takes safeguards away, one at a time: what a simulation does not miss, it does not test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from unittest.mock import patch

from simulation.ablations import core, memory, nats, rabbitmq, redis
from simulation.ablations.safeguards import Patch, Safeguards
from simulation.scenario import Queue


@dataclass(frozen=True)
class Ablation:
    """What the library does without a safeguard."""

    patches: tuple[Patch, ...]
    #: With which queue it is there; None for any.
    queue: Queue | None = None

    def concerns(self, queue: Queue) -> bool:
        """Whether it can be taken away with this queue."""
        return self.queue in (None, queue)


@contextmanager
def without(ablation: Ablation) -> Iterator[None]:
    """Run without this safeguard."""
    with ExitStack() as stack:
        for target, name, instead in ablation.patches:
            stack.enter_context(patch.object(target, name, instead))
        yield


_SAFEGUARDS: dict[Queue | None, Safeguards] = {
    None: core.SAFEGUARDS,
    "memory": memory.SAFEGUARDS,
    "redis": redis.SAFEGUARDS,
    "nats": nats.SAFEGUARDS,
    "rabbitmq": rabbitmq.SAFEGUARDS,
}

#: By what `--only` calls them.
ABLATIONS: dict[str, Ablation] = {
    safeguard: Ablation(patches, queue)
    for queue, safeguards in _SAFEGUARDS.items()
    for safeguard, patches in safeguards.items()
}
