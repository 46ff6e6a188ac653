"""Joins a group, for as long as the queue may take to answer."""

from __future__ import annotations

import asyncio
import logging

from dovetail import clock
from dovetail.delivery import Claim
from dovetail.errors import QueueUnavailable
from dovetail.limits import JOIN_AGAIN_SECONDS
from dovetail.network.connecting import Reports
from dovetail.operating.renamed_groups import GroupSubscription
from dovetail.queue import MessageQueue

log = logging.getLogger("dovetail.worker")


async def join(queue: MessageQueue, claim: Claim) -> GroupSubscription:
    """Claim again and again while the queue is unavailable, within the `patience` that it was opened with.

    A cluster says nothing while most of its servers are gone or cannot hear each other: a worker that starts
    then waits, as one that cannot connect does. Raises what the last try has raised.
    """
    patience = queue.options.patience
    began, reports = clock.monotonic(), Reports(at_once=True)
    while True:
        try:
            return await queue.claim(claim)
        except QueueUnavailable as error:
            if not queue.is_open or (
                patience is not None and clock.monotonic() - began >= patience
            ):
                raise
            if reports.due():
                log.warning("%s cannot join now, still trying: %s", claim.group, error)
        await asyncio.sleep(JOIN_AGAIN_SECONDS)
