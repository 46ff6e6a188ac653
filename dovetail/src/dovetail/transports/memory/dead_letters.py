"""Dead letters in memory, by the numbers under which they are kept."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from itertools import count, islice

import msgspec

from dovetail.dead_letter import DeadLetter, LetterFilter
from dovetail.transport import Done


class DeadLetterStore:
    """Keeps, finds and removes them."""

    def __init__(self) -> None:
        self._letters: dict[int, DeadLetter] = {}
        self._number = count(1)

    def __len__(self) -> int:
        return len(self._letters)

    def keep(self, letter: DeadLetter) -> None:
        """One more."""
        number = next(self._number)
        self._letters[number] = msgspec.structs.replace(letter, id=str(number))

    def newest_first(self, wanted: LetterFilter) -> list[DeadLetter]:
        """Those that match, `wanted.most` at most."""
        return list(islice(filter(wanted.takes, reversed(self._letters.values())), wanted.most))

    def count(self, wanted: LetterFilter) -> Counter[str]:
        """How many match, by group, whatever `wanted.most` says."""
        return Counter(one.group for one in filter(wanted.takes, self._letters.values()))

    def by_claim(self) -> Counter[tuple[str, str]]:
        """How many there are, by group and by what its handler has claimed."""
        return Counter((one.group, one.claimed) for one in self._letters.values())

    async def remove(
        self, wanted: LetterFilter, done: Done, replay: Callable[[DeadLetter], None] | None = None
    ) -> None:
        """Remove those that match, oldest first, each after it was replayed."""
        for letter in reversed(self.newest_first(wanted)):
            if int(letter.id) in self._letters:  # or somebody else was faster
                if replay is not None:
                    replay(letter)
                del self._letters[int(letter.id)]
                done([letter])
                await asyncio.sleep(0)

    def remove_of(self, group: str, claimed: str) -> None:
        """Drop all of one claim."""
        for number, one in list(self._letters.items()):
            if (one.group, one.claimed) == (group, claimed):
                del self._letters[number]
