"""What an operator does with dead letters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Unpack

from dovetail.checks.arguments import check
from dovetail.checks.rules import an_object, optional
from dovetail.dead_letter import DeadLetter, LetterFilter, Wanted
from dovetail.errors import DeadLetterNotFound
from dovetail.limits import LISTED
from dovetail.transport import Done, Mend, Transport

_LETTER = an_object(DeadLetter, "a dead letter, as list(…) gives it")


class DeadLetters:
    """The dead letters of a queue.

    Which of them are meant is said by keyword arguments, the fields of LetterFilter: `ids`, `group`,
    `subject` (or a pattern), `reason` (text in it), `before` (a time), `most` (the newest so many).
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def list(self, **wanted: Unpack[Wanted]) -> Sequence[DeadLetter]:
        """Those that match, newest first: `list(group="save-handler", reason="timeout", most=20)`.

        At most 1,000 unless `most` says otherwise: all that are listed are held in memory.
        """
        return await self._transport.dead_letters(LetterFilter.of({"most": LISTED, **wanted}))

    async def count(self, **wanted: Unpack[Wanted]) -> Mapping[str, int]:
        """How many match, by group; `most` is left out of account."""
        return await self._transport.count_letters(LetterFilter.of({**wanted, "most": None}))

    async def get(self, id: str) -> DeadLetter:
        """One by its id; DeadLetterNotFound where there is none."""
        for letter in await self.list(ids=[id]):
            return letter
        raise DeadLetterNotFound(id)

    async def replay(self, letter: DeadLetter, *, body: bytes | None = None) -> None:
        """Hand it back to the group that failed, and only to that one; `body` replaces what it held.

        DeadLetterNotFound where it is gone already. `replay_all(ids=…)` takes many in one pass.
        """
        check("replay", "letter", letter, _LETTER)
        check("replay", "body", body, optional(an_object(bytes, "bytes")))
        done = _Done(None)
        await self._transport.replay(
            _only(letter), lambda _: letter.body if body is None else body, done
        )
        done.check(letter)

    async def drop(self, letter: DeadLetter) -> None:
        """Remove it for good; DeadLetterNotFound where it is gone already."""
        check("drop", "letter", letter, _LETTER)
        done = _Done(None)
        await self._transport.drop(_only(letter), done)
        done.check(letter)

    async def replay_all(
        self,
        *,
        mend: Mend = attrgetter("body"),
        progress: Done | None = None,
        **wanted: Unpack[Wanted],
    ) -> int:
        """Hand all that match back, each to its group; gives how many.

        Those that die again meanwhile are not replayed again. `mend` gives what a letter is to hold;
        `progress` is told what has been done, step by step. When this is cancelled, or raises because the
        queue cannot be reached any more, what was done is done, and the same call goes on with the rest.
        Others may do the same at once: each letter is replayed by one of them.
        """
        done = _Done(progress)
        await self._transport.replay(LetterFilter.of(wanted), mend, done)
        return done.count

    async def drop_all(self, *, progress: Done | None = None, **wanted: Unpack[Wanted]) -> int:
        """Remove all that match for good; gives how many. Otherwise as `replay_all`."""
        done = _Done(progress)
        await self._transport.drop(LetterFilter.of(wanted), done)
        return done.count


def _only(letter: DeadLetter) -> LetterFilter:
    return LetterFilter(ids=frozenset([letter.id]), group=letter.group, subject=letter.subject)


class _Done:
    """Counts what is done, and tells."""

    def __init__(self, progress: Done | None) -> None:
        self._progress = progress
        self.count = 0

    def check(self, letter: DeadLetter) -> None:
        """DeadLetterNotFound where nothing was done."""
        if not self.count:
            raise DeadLetterNotFound(letter.id)

    def __call__(self, letters: Sequence[DeadLetter]) -> None:
        self.count += len(letters)
        if self._progress is not None and letters:
            self._progress(letters)
