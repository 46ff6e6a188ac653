"""Dead letters, as far as they are the same on every queue: how they are written, and read in pages."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import msgspec

from dovetail.dead_letter import DeadLetter
from dovetail.transports.common.uninterrupted import uninterrupted

_decoder = msgspec.json.Decoder(DeadLetter)


def reason_of(letter: DeadLetter) -> bytes:
    """All of a letter but its body, as JSON; it lies beside the body."""
    return msgspec.json.encode(msgspec.structs.replace(letter, body=b""))


def letter_of(reason: bytes | str, id: str, body: bytes, log: logging.Logger) -> DeadLetter | None:
    """The letter of this id again. What others put among them is left alone, and a warning names its id."""
    try:
        letter = _decoder.decode(reason)
    except (msgspec.DecodeError, RecursionError) as error:
        log.warning("what others put among the dead letters as %s is none: %s", id, error)
        return None
    return msgspec.structs.replace(letter, id=id, body=body)


async def at_most(
    pages: AsyncIterator[list[DeadLetter]], most: int | None
) -> AsyncIterator[list[DeadLetter]]:
    """The pages, up to so many letters; all of them for None."""
    async for page in pages:
        yield page if most is None else page[:most]
        if most is not None and (most := most - len(page)) <= 0:
            return


async def all_of(pages: AsyncIterator[list[DeadLetter]]) -> list[DeadLetter]:
    """What all pages hold."""
    return [letter async for page in pages for letter in page]


async def count_by_group(pages: AsyncIterator[list[DeadLetter]]) -> Counter[str]:
    """How many letters each group has in these pages."""
    return Counter([letter.group async for page in pages for letter in page])


async def in_steps(
    pages: AsyncIterator[list[DeadLetter]], step: Callable[[Sequence[DeadLetter]], Awaitable[None]]
) -> None:
    """Do the step with each page; one that was begun is finished, also when this is cancelled."""
    async for page in pages:
        if page:
            await uninterrupted(step(page))
