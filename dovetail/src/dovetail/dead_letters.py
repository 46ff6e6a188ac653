"""What an operator does with dead letters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dovetail.errors import DeadLetterNotFound
from dovetail.letters import DeadLetter, LetterFilter
from dovetail.transport import Transport


class DeadLetters:
    """The dead letters of a queue. Filters are the fields of LetterFilter, as keyword arguments."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def list(self, **wanted: Any) -> Sequence[DeadLetter]:
        """Those that match, newest first: `list(group="save-handler", reason="timeout", most=20)`."""
        return await self._transport.dead_letters(LetterFilter(**wanted))

    async def get(self, id: str) -> DeadLetter:
        """One by its id; DeadLetterNotFound where there is none."""
        for letter in await self.list(id=id):
            return letter
        raise DeadLetterNotFound(id)

    async def replay(self, letter: DeadLetter, *, body: bytes | None = None) -> None:
        """Hand it back to the group that failed, and only to that one; `body` replaces what it held."""
        await self._transport.replay(letter, letter.body if body is None else body)

    async def drop(self, letter: DeadLetter) -> None:
        """Remove it for good."""
        await self._transport.drop(letter)
