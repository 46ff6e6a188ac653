"""Publishes what the scenario says, under ids that stay the same however often it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, cast

from dovetail import Command, MessageQueue, NoGroup, QueueFull, QueueUnavailable, new_id
from simulation.loop import on_host
from simulation.messages import TYPES
from simulation.process import AGAIN_SECONDS, Process
from simulation.scenario import Planned

if TYPE_CHECKING:
    from simulation.world import World

#: A publisher that was refused tries so often.
TRIES = 100


class Publishing:
    """The publishers of one scenario."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._ids: dict[int, str] = {}

    def works(self) -> list[Any]:
        """One for each moment of each publisher."""
        own = sorted(
            (one for one in self._world.scenario.messages if one.publisher is not None),
            key=lambda one: (str(one.publisher), one.at, one.number),
        )
        return [
            self._publish(str(host), at, list(messages))
            for (host, at), messages in groupby(own, lambda one: (one.publisher, one.at))
        ]

    async def _publish(self, host: str, at: float, messages: list[Planned]) -> None:
        await asyncio.sleep(at)
        # Not an event: who has come may be gone again by now.
        while (process := self._world.now_of(host)) is None or process.queue is None:  # noqa: ASYNC110
            await asyncio.sleep(AGAIN_SECONDS)
        task = on_host(
            self._world.loop, process.host, self._publish_from(process, process.queue, messages)
        )
        while not (task.done() or process.gone):
            await asyncio.wait([task], timeout=AGAIN_SECONDS)

    async def _publish_from(
        self, process: Process, queue: MessageQueue, messages: list[Planned]
    ) -> None:
        for one in messages:
            self._ids.setdefault(one.number, new_id())
        events = [one for one in messages if one.subject.startswith("sim.")]
        if len(events) > 1:
            await self._until_taken(process, events, partial(self._publish_many, queue, events))
        elif events:
            await self._until_taken(process, events, partial(self._publish_one, queue, events[0]))
        for one in messages:
            if one not in events:
                await self._until_taken(process, [one], partial(self._publish_one, queue, one))
        for one in messages:
            for _ in range(one.repeats):
                await asyncio.sleep(one.repeat_after)
                await self._until_taken(process, [one], partial(self._publish_one, queue, one))

    async def _publish_many(self, queue: MessageQueue, events: list[Planned]) -> None:
        made = [cast(Any, TYPES[one.subject])(number=one.number) for one in events]
        await queue.publish_many(made, ids=[self._ids[one.number] for one in events])

    async def _publish_one(self, queue: MessageQueue, one: Planned) -> None:
        message: Any = cast(Any, TYPES[one.subject])(number=one.number)
        verb: Any = queue.send if isinstance(message, Command) else queue.publish
        await verb(message, id=self._ids[one.number])

    async def _until_taken(
        self, process: Process, messages: list[Planned], publish: Callable[[], Any]
    ) -> None:
        refusal = ""
        for _ in range(TRIES):
            try:
                await publish()
            except (QueueUnavailable, QueueFull, NoGroup) as error:
                if process.gone:  # it has closed its queue
                    return
                refusal = type(error).__name__
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            for one in messages:
                self._world.history.add("confirmed", process.host, number=one.number)
            return
        for one in messages:
            self._world.history.add("never taken", process.host, number=one.number, note=refusal)
