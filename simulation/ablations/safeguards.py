"""What a safeguard is, and what stands in the place of many of them."""

from __future__ import annotations

from typing import Any

from dovetail.transports.common.buffer import AnyDelivery, Buffer

#: What is replaced: the object, the name, and what stands there instead.
Patch = tuple[Any, str, Any]
#: By what is said of each.
Safeguards = dict[str, tuple[Patch, ...]]


async def nothing(*_: Any, **__: Any) -> None:
    """Instead of what should be done."""


_put = Buffer.put


def put_first(self: Buffer[AnyDelivery], delivery: AnyDelivery) -> None:
    """What came last is handed over first."""
    _put(self, delivery)
    self._waiting.rotate(1)
