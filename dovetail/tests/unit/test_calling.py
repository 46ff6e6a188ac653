"""What is left of a call when its event loop is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from dovetail.running.calling import Calls


def test_a_call_that_is_closed_after_its_loop_has_not_failed() -> None:
    """Or a batch handler would be called again, with halves, by whoever collects the garbage."""
    failures: list[Exception] = []

    async def call() -> None:
        calls = Calls()
        try:
            await calls.apart(_wait_for_ever())
        except BaseException as error:  # noqa: BLE001 - as the runner
            failures.append(await calls.failure(error))

    left = _begin(call())
    left.close()  # raises what is not GeneratorExit
    assert failures == []


async def _wait_for_ever() -> None:
    await asyncio.get_running_loop().create_future()


def _begin(work: Coroutine[Any, Any, None]) -> Coroutine[Any, Any, None]:
    """What waits in a loop that has been closed."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(work)
    task._log_destroy_pending = False  # type: ignore[attr-defined] # it is what we want
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    return work
