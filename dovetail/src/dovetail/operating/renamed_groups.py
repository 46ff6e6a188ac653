"""Groups by their names. One that was renamed keeps its place where it was: only what it is called changes.

So a rename moves nothing, is done at once, and loses nothing: progress, delays, attempts, dead letters stay
as they are. Transports know the names that places are kept under, and remember what these are called now.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import msgspec

from dovetail.codec.envelope import Received
from dovetail.dead_letter import DeadLetter, LetterFilter
from dovetail.delivery import Claim, Delivery
from dovetail.errors import CommandClaimed
from dovetail.status import GroupInfo, QueueStatus, together
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


class GroupSubscription(Subscription, Protocol):
    """One member's share, as Subscription, that knows what the group is kept under."""

    #: The same whatever the group is called now.
    place: str


class NamedGroups:
    """A transport whose groups are known by what they are called now. Otherwise as Transport."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def __getattr__(self, method: str) -> Any:
        return getattr(self._transport, method)

    async def names(self) -> Names:
        """What groups are called now."""
        return Names(await self._transport.group_names())

    async def claim(self, claim: Claim) -> GroupSubscription:
        """As Transport.claim."""
        names = await self.names()
        place = names.place(claim.group)
        try:
            subscription = await self._transport.claim(replace(claim, group=place))
        except CommandClaimed as error:
            raise CommandClaimed(error.subject, names.name(error.group)) from error
        return _Placed(subscription, place)

    async def dead_letters(self, wanted: LetterFilter) -> Sequence[DeadLetter]:
        """As Transport.dead_letters."""
        names = await self.names()
        letters = await self._transport.dead_letters(_placed(wanted, names))
        return [_named(letter, names) for letter in letters]

    async def count_letters(self, wanted: LetterFilter) -> Mapping[str, int]:
        """As Transport.count_letters."""
        names = await self.names()
        counts = await self._transport.count_letters(_placed(wanted, names))
        return {names.name(place): count for place, count in counts.items()}

    async def replay(self, wanted: LetterFilter, mend: Mend, done: Done) -> None:
        """As Transport.replay_letters."""
        names = await self.names()
        await self._transport.replay(
            _placed(wanted, names),
            lambda letter: mend(_named(letter, names)),
            lambda letters: done([_named(letter, names) for letter in letters]),
        )

    async def drop(self, wanted: LetterFilter, done: Done) -> None:
        """As Transport.drop_letters."""
        names = await self.names()
        await self._transport.drop(
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
    """As GroupSubscription: dead letters lie where the group's place is."""

    def __init__(self, inner: Subscription, place: str) -> None:
        self.fetch = inner.fetch
        self.ack = inner.ack
        self.retry = inner.retry
        self.release = inner.release
        self.stop = inner.stop
        self.close = inner.close
        self.inner = inner
        self.place = place

    async def bury(self, delivery: Delivery, letter: DeadLetter) -> None:
        """As Subscription.bury."""
        await self.inner.bury(delivery, msgspec.structs.replace(letter, group=self.place))
