"""Steps that are finished once they were begun."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")

#: What a step may take after whoever waited for it was cancelled.
FINISH_SECONDS = 10.0


async def uninterrupted(step: Coroutine[Any, Any, Result]) -> Result:
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
