"""Steps that are finished once they were begun."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from dovetail.limits import FINISH_SECONDS

Result = TypeVar("Result")


async def uninterrupted(step: Awaitable[Result]) -> Result:
    """What the step gives. Where this is cancelled, the step is finished first."""
    task = asyncio.ensure_future(step)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.done():
            await asyncio.wait([task], timeout=FINISH_SECONDS)
            task.cancel()
        if task.done() and not task.cancelled():
            task.exception()  # it comes again when the step is tried again
        raise
