"""What a queue holds: messages by subject, how far each group is, and dead letters."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from datetime import datetime
from itertools import count

from dovetail.codec.subjects import matches
from dovetail.dead_letter import DeadLetter
from dovetail.delivery import Claim, Outgoing
from dovetail.errors import CommandClaimed, NoGroup, QueueFull
from dovetail.transports.common.store_room import Room
from dovetail.transports.memory.backlog import Backlog, Stored
from dovetail.transports.memory.dead_letters import DeadLetterStore
from dovetail.transports.memory.requests import Live

#: How many ids of published messages are remembered, to keep one copy of each.
REMEMBERED_IDS = 100_000


class Store:
    """Everything that one memory queue holds."""

    def __init__(self) -> None:
        self.users = 0
        self.history: OrderedDict[int, Stored] = OrderedDict()
        self.backlogs: dict[tuple[str, str], Backlog] = {}
        self.dead_letters = DeadLetterStore()
        self.live = Live()
        #: The places of renamed groups, by what they are called now.
        self.names: dict[str, str] = {}
        #: What groups that were removed had claimed.
        self.released: set[str] = set()
        #: Commands whose group was removed, with what waits for the next.
        self.free: dict[str, list[Stored]] = {}
        self.bytes = 0
        self.room = Room()
        #: Set whenever a group has handled all that it had.
        self.settled = asyncio.Event()
        self._sequence = count(1)
        self._ids: OrderedDict[str, None] = OrderedDict()

    def add(self, message: Outgoing, limit: int | None) -> None:
        """Accept a message: once for each id."""
        if message.id in self._ids:
            return
        if message.kind == "command" and not self._is_known(message.subject):
            raise NoGroup(message.subject)
        if limit is not None and self.bytes + len(message.body) > limit:
            self.room.refused(len(message.body))
            raise QueueFull(
                f"the queue's store is full ({limit} bytes); nothing was accepted", id=message.id
            )
        self._ids[message.id] = None
        if len(self._ids) > REMEMBERED_IDS:
            self._ids.popitem(last=False)
        stored = Stored(next(self._sequence), message.subject, message.body, None)
        if message.kind == "event":
            self.history[stored.sequence] = stored
            self.bytes += len(stored.body)
        elif message.subject in self.free:
            self.free[message.subject].append(stored)
        for backlog in self.backlogs.values():
            claim = backlog.claim
            if claim.kind == message.kind and matches(claim.subject, message.subject):
                backlog.add(stored)
        self.live.broadcast(message.subject, message.body)

    def _is_known(self, command: str) -> bool:
        claims = [backlog.claim for backlog in self.backlogs.values()]
        return command in self.free or ("command", command) in [(c.kind, c.subject) for c in claims]

    def claim(self, claim: Claim) -> Backlog:
        """The group's backlog; the first member, ever, makes it."""
        if claim.kind == "command":
            for group, subject in self.backlogs:
                if subject == claim.subject and group != claim.group:
                    raise CommandClaimed(subject, group)
        if (found := self.backlogs.get((claim.group, claim.subject))) is not None:
            return found
        backlog = self.backlogs[claim.group, claim.subject] = Backlog(claim, self.settled)
        for stored in self._kept_for(claim):
            backlog.add(stored)
        return backlog

    def _kept_for(self, claim: Claim) -> list[Stored]:
        """What was accepted before the group was there."""
        if claim.kind == "command":
            return self.free.pop(claim.subject, [])
        if claim.start == "new":
            return []
        return self.of_history(claim.subject)

    def of_history(self, pattern: str) -> list[Stored]:
        """The events that are kept on these subjects, oldest first."""
        return [one for one in self.history.values() if matches(pattern, one.subject)]

    def replay(self, letter: DeadLetter, body: bytes) -> None:
        """Hand the body to the letter's group."""
        backlog = self.backlogs[letter.group, letter.claimed]
        backlog.add(Stored(next(self._sequence), letter.subject, body, letter.headers))

    def remove(self, group: str, subject: str) -> None:
        """As Transport.remove_group, for one subject."""
        backlog = self.backlogs.pop((group, subject), None)
        if backlog is None:
            return
        if backlog.claim.kind == "command":
            self.free[subject] = backlog.unhandled()
        else:
            self.released.add(subject)
        self.dead_letters.remove_of(group, subject)

    def trim(self, before: datetime) -> None:
        """Drop the history that is older than this and that every group has handled."""
        backlogs = self.backlogs.values()
        busy = {one.sequence for backlog in backlogs for one in backlog.unhandled()}
        patterns = [*self.released, *(backlog.claim.subject for backlog in backlogs)]
        for stored in list(self.history.values()):
            if stored.at >= before:
                break
            claimed = any(matches(pattern, stored.subject) for pattern in patterns)
            if claimed and stored.sequence not in busy:
                del self.history[stored.sequence]
                self.bytes -= len(stored.body)
