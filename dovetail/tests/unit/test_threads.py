"""Plain functions in threads: which of them count as running on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dovetail.running import threads
from dovetail.running.threads import Threads


async def test_call_that_ends_while_it_is_given_up_does_not_run_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The event loop was held up past the time limit, and then heard of both at once."""
    monkeypatch.setattr(threads, "MOST_ABANDONED", 3)
    calls: list[asyncio.Task[Any]] = []

    class LateLoop(Threads):
        def _ended(self, *arguments: Any) -> None:
            super()._ended(*arguments)
            calls[-1].cancel()

    late = LateLoop(lambda: "done", "plain", 1)
    for _ in range(5):
        calls.append(asyncio.create_task(late()))
        with pytest.raises(asyncio.CancelledError):
            await calls[-1]
    late.close()
