"""What a safeguard is, and what stands in the place of many of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dovetail.delivery import Claim
from dovetail.transports.common.buffer import AnyDelivery, Buffer

#: What is replaced: the object, the name, and what stands there instead.
Patch = tuple[Any, str, Any]
#: By what is said of each.
Safeguards = dict[str, tuple[Patch, ...]]


async def nothing(*_: Any, **__: Any) -> None:
    """Instead of what should be done."""


def at_once(retry: Any) -> Any:
    """The method of a subscription, without its pause."""

    async def retry_at_once(self: Any, delivery: Any, pause: float) -> None:
        await retry(self, delivery, 0.0)

    return retry_at_once


def from_the_first(claim: Any) -> Any:
    """The method of a transport, for groups that get all there is."""

    async def claim_from_the_first(self: Any, wanted: Claim) -> Any:
        return await claim(self, replace(wanted, start="first"))

    return claim_from_the_first


_put = Buffer.put


def put_first(self: Buffer[AnyDelivery], delivery: AnyDelivery) -> None:
    """What came last is handed over first."""
    _put(self, delivery)
    self._waiting.rotate(1)
