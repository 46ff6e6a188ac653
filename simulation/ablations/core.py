"""Safeguards of the library's core, which are there with every queue."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from copy import copy
from dataclasses import replace
from typing import Any

from dovetail.codec.identifiers import new_id
from dovetail.delivery import Delivery
from dovetail.errors import DovetailError
from dovetail.group import Group
from dovetail.limits import UNSETTLED_DELIVERIES
from dovetail.retry import Backoff
from dovetail.running import outgoing, runner
from dovetail.running.pausing import Stopping
from dovetail.running.runner import Runner
from dovetail.worker import Worker
from simulation.ablations.safeguards import Safeguards

_settle = Runner._settle


async def _ack_first(self: Runner, handled: list[Any]) -> None:
    self._subscription.ack([delivery for delivery, _ in handled])
    settling = handled[:]
    handled.clear()
    if caused := [one for _, many in settling for one in many]:
        await self._publish(caused)


async def _forget_caused(self: Runner, handled: list[Any]) -> None:
    settling: list[Any] = [(delivery, []) for delivery, _ in handled]
    handled.clear()
    await _settle(self, settling)


async def _no_halves(self: Runner, batch: list[Any]) -> None:
    try:
        handled = self._aligned(batch, await self._call_when_ready(batch))
    except Stopping:
        raise
    except Exception as error:  # noqa: BLE001 - as the original
        for delivery, _ in batch:
            await self._failures.handle(delivery, error)
    else:
        await self._settle(handled)


async def _keep(self: Runner, deliveries: Sequence[Delivery]) -> None:
    """Release nothing."""


def _counts_as_failure(self: Runner, error: Exception) -> bool:
    return False


async def _publish_once(queue: Any, caused: list[Any], pause: Any) -> None:
    with suppress(DovetailError):
        await queue.transport.publish(caused, queue.options.timeout)


_init = Runner.__init__


def _without_limit(self: Runner, queue: Any, group: Group, *rest: Any) -> None:
    unlimited = copy(group)
    unlimited.options = replace(group.options, timeout=None)
    _init(self, queue, unlimited, *rest)


_stop = Worker.stop


async def _hurry(self: Worker) -> None:
    self.hurry()
    await _stop(self)


async def _drain_longer(self: Worker) -> None:
    self.drain += 5.0
    await _stop(self)


SAFEGUARDS: Safeguards = {
    "what is caused has an id that follows from its cause": (
        (outgoing, "derived_id", lambda *_: new_id()),
    ),
    "what is caused is published before the ack": ((Runner, "_settle", _ack_first),),
    "what is caused is published at all": ((Runner, "_settle", _forget_caused),),
    "what is caused is published again until the queue has it": (
        (runner, "publish_until_taken", _publish_once),
    ),
    "a batch that fails is halved": ((Runner, "_try_batch", _no_halves),),
    "NotReady uses up no attempt": ((Runner, "_not_ready", _counts_as_failure),),
    "what a stopping worker holds is released": ((Runner, "_release", _keep),),
    "what a stopping worker has begun is finished": ((Worker, "stop", _hurry),),
    "a drain ends in its time": ((Worker, "stop", _drain_longer),),
    "a handler has its time, and no more": ((Runner, "__init__", _without_limit),),
    "pauses between attempts grow": ((Backoff, "pause", lambda self, attempt: self.first),),
    "what kills its workers is given up": ((runner, "unsettled_limit", lambda lease: 1_000_000),),
    "what is killed often is given up after some minutes only": (
        (runner, "unsettled_limit", lambda lease: UNSETTLED_DELIVERIES),
    ),
}
