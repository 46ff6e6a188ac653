"""Removing dead letters of one claim, many of them in steps: to drop them, or to hand them back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

import msgspec
from pamqp import commands

from dovetail.letters import DeadLetter, LetterFilter
from dovetail.transport import Done, Mend
from dovetail.transports.rabbitmq import replaying
from dovetail.transports.rabbitmq.channel import INTERNAL_ERROR, Channel, ChannelClosed
from dovetail.transports.rabbitmq.claimed import unpacked
from dovetail.transports.rabbitmq.frames import Content
from dovetail.transports.rabbitmq.layout import dead_of, replayed_of
from dovetail.transports.rabbitmq.look import Look, look_at
from dovetail.transports.rabbitmq.publisher import Publisher
from dovetail.uninterrupted import uninterrupted

log = logging.getLogger("dovetail.rabbitmq")

#: After so long others may look, before this goes on; and how long they are let.
TURN_SECONDS, PAUSE_SECONDS = 2.0, 0.1

#: A letter with the message that it is kept as.
_Found = tuple[Content, DeadLetter]


class Removal:
    """Of those that match and are there when it begins. `mend` is None to drop them."""

    def __init__(
        self,
        publisher: Publisher,
        queue: str,
        wanted: LetterFilter,
        mend: Mend | None,
        done: Done,
    ) -> None:
        self._publisher = publisher
        self._queue = queue
        self._wanted = wanted
        self._mend = mend
        self._done = done
        #: How many letters are to be looked at yet; None before the first look.
        self._left: int | None = None
        #: Of the last step, by their ids: the server may not have heard of it when the connection is lost.
        self._last: dict[str, DeadLetter] = {}
        self._told: set[str] = set()
        self._gone = 0
        self._finished = False

    async def run(self) -> None:
        """Return when all are removed."""
        while not self._finished:
            await look_at(self._publisher.client, dead_of(self._queue), self._look)
            if not self._finished:
                await asyncio.sleep(PAUSE_SECONDS)

    async def _look(self, look: Look) -> None:
        if self._left is None:
            self._left = look.count
        if self._mend is not None and await self._was_interrupted(look):
            return
        await self._turn(look)

    async def _turn(self, look: Look) -> None:
        """Remove for a while."""
        assert self._left is not None
        clock = asyncio.get_running_loop().time
        ends = clock() + TURN_SECONDS
        async for page in look.pages(min(look.count, self._left + len(self._last))):
            if found := matching(page, self._wanted):
                await uninterrupted(self._step(look, found))
            if self._has_all:
                break
            if not look.held and clock() > ends:
                return
        self._finished = True

    @property
    def _has_all(self) -> bool:
        """Whether those are gone that were named."""
        return self._wanted.ids is not None and self._gone == len(self._wanted.ids)

    async def _step(self, look: Look, found: Sequence[_Found]) -> None:
        letters = {letter.id: letter for _, letter in found}
        told = self._told & letters.keys()
        refused: set[str] = set()
        if self._mend is not None:
            refused = await self._replay(look, letters, self._mend)
        self._last = letters
        look.remove([content for content, letter in found if letter.id not in refused])
        look.progress()
        self._told = letters.keys() - refused
        self._tell([letters[one] for one in letters if one in self._told - told])
        if refused:
            await self._forget(look.channel)
            raise ChannelClosed(INTERNAL_ERROR, f"the queue {self._queue!r} takes nothing")
        look.on_back = self._forget if self._mend else None

    async def _replay(self, look: Look, letters: Mapping[str, DeadLetter], mend: Mend) -> set[str]:
        """Gives the ids of those that the group's queue refused."""
        client = self._publisher.client
        if alarm := look.channel.wire.alarm:
            raise client.full(alarm)
        copies = [(letter, mend(letter)) for letter in letters.values()]
        for letter, body in copies:
            self._publisher.check_size(len(body), letter.message_id)
        # Until they are removed, what was replayed must be remembered.
        self._last, self._told, look.on_back = {**letters}, set(), None
        return {one.id for one in await replaying.put(look.channel, self._queue, copies)}

    def _tell(self, letters: Sequence[DeadLetter]) -> None:
        self._gone += len(letters)
        if self._left is not None:
            self._left -= len(letters)
        self._done(letters)

    async def _was_interrupted(self, look: Look) -> bool:
        """Whether letters were replayed, here or by others, and may be there still; they are removed."""
        look.on_back = self._forget
        await replaying.remember(look.channel, self._queue)
        replayed = await replaying.replayed_before(look.channel.wire, self._queue)
        if not replayed:
            return False
        await self._remove(look, replayed)
        self._tell([one for one in self._last.values() if one.id in replayed - self._told])
        self._last, self._told = {}, set()
        self._finished = self._has_all
        return True

    async def _forget(self, channel: Channel) -> None:
        await channel.call(commands.Queue.Delete(queue=replayed_of(self._queue)))

    async def _remove(self, look: Look, ids: set[str]) -> None:
        found = 0
        async for page in look.pages(look.count):
            those = [content for content in page if content.properties.message_id in ids]
            look.remove(those)
            found += len(those)
            if found >= len(ids):
                return


def matching(page: Sequence[Content], wanted: LetterFilter) -> list[_Found]:
    """The letters that match. What others put there is left alone."""
    found: list[_Found] = []
    for content in page:
        try:
            letter = unpacked(content)
        except msgspec.MsgspecError as error:
            log.warning("what others put among the dead letters is none: %s", error)
            continue
        if wanted.takes(letter):
            found.append((content, letter))
    return found
