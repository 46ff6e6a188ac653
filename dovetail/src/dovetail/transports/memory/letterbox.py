"""Dead letters in memory, by the numbers under which they are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count, islice

import msgspec

from dovetail.letters import DeadLetter, LetterFilter


class Letterbox:
    """Keeps and finds them."""

    def __init__(self) -> None:
        self._letters: dict[int, DeadLetter] = {}
        self._number = count(1)

    def __len__(self) -> int:
        return len(self._letters)

    def keep(self, letter: DeadLetter) -> None:
        """One more."""
        number = next(self._number)
        self._letters[number] = msgspec.structs.replace(letter, id=str(number))

    def remove(self, letter: DeadLetter) -> bool:
        """Whether it was there."""
        return self._letters.pop(int(letter.id), None) is not None

    def remove_of(self, group: str, claimed: str) -> None:
        """All of one claim."""
        self._letters = {
            number: one
            for number, one in self._letters.items()
            if (one.group, one.claimed) != (group, claimed)
        }

    def newest_first(self, wanted: LetterFilter) -> Iterator[DeadLetter]:
        """Those that match, `wanted.most` at most."""
        return islice(filter(wanted.takes, reversed(self._letters.values())), wanted.most)

    def oldest_first(self, wanted: LetterFilter) -> Sequence[DeadLetter]:
        """The same, as they are now."""
        return [*self.newest_first(wanted)][::-1]

    def count(self, wanted: LetterFilter) -> Counter[str]:
        """How many match, by group, whatever `wanted.most` says."""
        return Counter(one.group for one in filter(wanted.takes, self._letters.values()))

    def by_claim(self) -> Counter[tuple[str, str]]:
        """How many there are, by group and by what its handler has claimed."""
        return Counter((one.group, one.claimed) for one in self._letters.values())
