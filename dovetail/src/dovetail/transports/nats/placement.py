"""Streams with copies, while too few servers are up to hold them: perhaps the cluster has just started."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from dovetail.errors import QueueUnavailable
from dovetail.network.connecting import Reports
from dovetail.transports.nats.limits import RETRY_SECONDS

log = logging.getLogger("dovetail.nats")


class TooFewServers(QueueUnavailable):
    """A stream cannot be made with its copies now; asking again helps as soon as servers are back."""


async def placed(
    make: Callable[[], Awaitable[None]], patience: float | None, reports: Reports | None = None
) -> None:
    """Make streams, again and again for so many seconds (None: for as long as it takes); then TooFewServers.

    With `reports` the log says now and then that we still try.
    """
    clock = asyncio.get_running_loop().time
    deadline = None if patience is None else clock() + patience
    last: TooFewServers | None = None
    while True:
        try:
            return await make()
        except TimeoutError:
            if last is None:
                raise
            raise last from None  # which says more than that the time is over
        except TooFewServers as error:
            last = error
            if deadline is not None and clock() + RETRY_SECONDS >= deadline:
                raise
            if reports is not None and reports.due():
                log.warning("%s; still trying", error)
        await asyncio.sleep(RETRY_SECONDS)
