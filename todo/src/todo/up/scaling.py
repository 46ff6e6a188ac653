"""Answers `todo scale`: changes how many of a component run, and tells what runs."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, Mapping

from todo.components import ONLY_ONE, SCALABLE
from todo.control.messages import Changed, Listed
from todo.control.server import CannotChange
from todo.settings_reader import SettingsInvalid
from todo.up.child import Child
from todo.up.children import Children
from todo.up.instances import new_instances

log = logging.getLogger("todo.up")


class Scaling:
    """Changes the number of children of a running `todo up`; one change at a time."""

    def __init__(self, children: Children) -> None:
        self._children = children

    def listed(self) -> Listed:
        """What runs now."""
        return Listed(os.getpid(), [child.state() for child in self._children])

    async def scale(self, counts: Mapping[str, int]) -> AsyncGenerator[Changed, None]:
        """Run so many of each; yields the changes as they are made. Raises CannotChange."""
        for component in counts:
            if component not in SCALABLE:
                why = ONLY_ONE.get(component, "there is no such handler")
                raise CannotChange(f"{component} cannot be scaled: {why}")
        changes = [asyncio.ensure_future(self._change(*one)) for one in counts.items()]
        try:
            for change in asyncio.as_completed(changes):
                yield await change
                self._check_that_it_goes_on()
        finally:
            await asyncio.gather(*changes, return_exceptions=True)

    async def _change(self, component: str, count: int) -> Changed:
        self._check_that_it_goes_on()
        there = self._children.of(component)
        log.info("scaling %s from %d to %d", component, len(there), count)
        started = self._start(component, count - len(there), _names(there))
        await asyncio.gather(*(child.started.wait() for child in started))
        ended = there[count:][::-1]
        await self._children.end(ended)
        running = self._children.of(component)
        changed = Changed(component, _names(running), _names(started), _names(ended))
        log.info("%s", changed.text)
        return changed

    def _start(self, component: str, more: int, running: list[str]) -> list[Child]:
        try:
            return self._children.start(new_instances(component, max(0, more), running))
        except SettingsInvalid as error:
            raise CannotChange("; ".join(error.lines)) from None

    def _check_that_it_goes_on(self) -> None:
        if self._children.stopping:
            raise CannotChange("`todo up` is stopping just now; start it again, with --scale")


def _names(children: list[Child]) -> list[str]:
    return [child.instance.name for child in children]
