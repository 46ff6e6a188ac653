"""Groups by their names. One that was renamed keeps its place where it was: only what it is called changes.

So a rename moves nothing, is done at once, and loses nothing: progress, delays, attempts, dead letters stay
as they are. Transports know the names that places are kept under, and remember what these are called now.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from dovetail.delivery import Claim, Delivery
from dovetail.envelope import Received
from dovetail.errors import CommandClaimed
from dovetail.letters import DeadLetter, LetterFilter
from dovetail.members import GroupInfo, together
from dovetail.status import QueueStatus
from dovetail.transport import Done, Mend, Subscription, Transport


class Names:
    """What groups are called, and what their places are called: the same, unless a group was renamed."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places
        self._names = {place: name for name, place in places.items()}

    def place(self, name: str) -> str:
        """Where the group of this name has its place."""
        return self._places.get(name, name)

    def name(self, place: str) -> str:
        """What the group is called that has its place there."""
        return self._names.get(place, place)


def renamed(places: Mapping[str, str], old: str, new: str) -> dict[str, str]:
    """What is to be remembered when a group is renamed. The old name gets a place that nobody had."""
    return {new: places.get(old, old), old: f"{old}+{secrets.token_hex(4)}"}


class NamedGroups:
    """A transport whose groups are known by what they are called now. Otherwise as Transport."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def __getattr__(self, method: str) -> Any:
        return getattr(self._transport, method)

    async def names(self) -> Names:
        """What groups are called now."""
        return Names(await self._transport.group_names())

    async def claim(self, claim: Claim) -> Subscription:
        """As Transport.claim."""
        names = await self.names()
        place = names.place(claim.group)
        try:
            subscription = await self._transport.claim(replace(claim, group=place))
        except CommandClaimed as error:
            raise CommandClaimed(error.subject, names.name(error.group)) from error
        return subscription if place == claim.group else _Placed(subscription, place)

    async def dead_letters(self, wanted: LetterFilter) -> Sequence[DeadLetter]:
        """As Transport.dead_letters."""
        names = await self.names()
        letters = await self._transport.dead_letters(_placed(wanted, names))
        return [_named(letter, names) for letter in letters]

    async def replay(self, letter: DeadLetter, body: bytes) -> None:
        """As Transport.replay."""
        place = (await self.names()).place(letter.group)
        await self._transport.replay(msgspec.structs.replace(letter, group=place), body)

    async def drop(self, letter: DeadLetter) -> None:
        """As Transport.drop."""
        place = (await self.names()).place(letter.group)
        await self._transport.drop(msgspec.structs.replace(letter, group=place))

    async def count_letters(self, wanted: LetterFilter) -> Mapping[str, int]:
        """As Transport.count_letters."""
        names = await self.names()
        counts = await self._transport.count_letters(_placed(wanted, names))
        return {names.name(place): count for place, count in counts.items()}

    async def replay_letters(self, wanted: LetterFilter, mend: Mend, done: Done) -> None:
        """As Transport.replay_letters."""
        names = await self.names()
        await self._transport.replay_letters(
            _placed(wanted, names),
            lambda letter: mend(_named(letter, names)),
            lambda letters: done([_named(letter, names) for letter in letters]),
        )

    async def drop_letters(self, wanted: LetterFilter, done: Done) -> None:
        """As Transport.drop_letters."""
        names = await self.names()
        await self._transport.drop_letters(
            _placed(wanted, names),
            lambda letters: done([_named(letter, names) for letter in letters]),
        )

    async def waiting(self, subject: str, group: str, most: int) -> Sequence[Received]:
        """As Transport.waiting."""
        place = (await self.names()).place(group)
        return await self._transport.waiting(subject, place, most)

    async def status(self) -> QueueStatus:
        """As Transport.status."""
        status, names = await asyncio.gather(self._transport.status(), self.names())
        groups = [
            msgspec.structs.replace(one, group=names.name(one.group)) for one in status.groups
        ]
        return msgspec.structs.replace(status, groups=groups)

    async def groups(self) -> list[GroupInfo]:
        """How far each group has come, and who runs."""
        status, members, names = await asyncio.gather(
            self.status(), self._transport.members(), self.names()
        )
        named = [msgspec.structs.replace(one, group=names.name(one.group)) for one in members]
        return together(status.groups, named)


def _placed(wanted: LetterFilter, names: Names) -> LetterFilter:
    if wanted.group is None:
        return wanted
    return msgspec.structs.replace(wanted, group=names.place(wanted.group))


def _named(letter: DeadLetter, names: Names) -> DeadLetter:
    name = names.name(letter.group)
    return letter if name == letter.group else msgspec.structs.replace(letter, group=name)


class _Placed:
    """A renamed group's subscription: its dead letters lie where its place is."""

    def __init__(self, inner: Subscription, place: str) -> None:
        self.fetch = inner.fetch
        self.ack = inner.ack
        self.retry = inner.retry
        self.release = inner.release
        self.stop = inner.stop
        self.close = inner.close
        self._bury: Callable[[Delivery, DeadLetter], Awaitable[None]] = inner.bury
        self._place = place

    async def bury(self, delivery: Delivery, letter: DeadLetter) -> None:
        """As Subscription.bury."""
        await self._bury(delivery, msgspec.structs.replace(letter, group=self._place))
