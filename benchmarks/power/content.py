"""What is in one file: as programs see it, and as it would be after a loss of power.

Programs see `data`. Of every page that was changed since it was last synced, the page as the disk has it is
kept beside it, so that a sync only has to forget these.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

#: Bytes that reach the disk together, or not at all.
PAGE = 4096


@dataclass
class Dropped:
    """What a loss of power took from one file, or from all."""

    pages: int = 0
    bytes: int = 0
    names: int = 0


class Content:
    """The bytes of one file."""

    def __init__(self) -> None:
        self.data = bytearray()
        #: The size that the disk knows.
        self._size = 0
        #: The least size since the last sync: what is behind it was cut off meanwhile, even if it is back.
        self._least = 0
        #: Pages as the disk has them, by number, where `data` has something else.
        self._pages: dict[int, bytes] = {}

    def write(self, offset: int, data: bytes | memoryview) -> None:
        """As pwrite does; a gap is filled with zeros."""
        size = len(self.data)
        end = offset + len(data)
        self._keep(offset, end)
        if offset > size:
            self.data.extend(bytes(offset - size))
        self.data[offset:end] = data

    def resize(self, size: int) -> None:
        """As ftruncate does."""
        before = len(self.data)
        if size < before:
            self._keep(size, before)
            del self.data[size:]
            self._least = min(self._least, size)
        else:
            self.data.extend(bytes(size - before))

    def sync(self) -> None:
        """From now on the disk has it."""
        self._pages.clear()
        self._size = self._least = len(self.data)

    def sync_range(self, offset: int, end: int) -> None:
        """The disk has these bytes, and what is needed to read them: what O_SYNC does for one write."""
        if self._least < self._size or offset > self._size:
            self.sync()  # rare, and the disk may have more than was asked for
            return
        for page in range(offset // PAGE, -(-end // PAGE)):
            self._pages.pop(page, None)
        self._size = self._least = max(self._size, end)

    def lose(self, random: Random, share: float, *, holes: bool) -> Dropped:
        """Be what the disk has: of what was not synced, about this share is there all the same.

        With `holes`, a size may have reached the disk before the pages that it is for.
        """
        if self._least < self._size and random.random() >= share:
            return self._go_back()
        dropped = self._lose_pages(random, share)
        dropped.bytes += self._lose_tail(random, share)
        if holes:
            dropped.pages += self._lose_holes(random, share)
        self.sync()
        return dropped

    def _go_back(self) -> Dropped:
        """All is as it was when it was last synced."""
        dropped = Dropped(len(self._pages), max(0, len(self.data) - self._size))
        self.data.extend(bytes(max(0, self._size - len(self.data))))
        del self.data[self._size :]
        for number in self._pages:
            self._restore(number, self._size)
        self.sync()
        return dropped

    def _lose_pages(self, random: Random, share: float) -> Dropped:
        lost = [
            number
            for number in self._pages
            if number * PAGE < self._least and random.random() >= share
        ]
        for number in lost:
            self._restore(number, self._least)
        return Dropped(len(lost))

    def _lose_tail(self, random: Random, share: float) -> int:
        """The end of what was added is missing: from some page, or from some byte of the last write."""
        size = len(self.data)
        if size <= self._least:
            return 0
        some = random.randint(self._least, size)
        if random.random() < 0.5:
            some = max(self._least, some - some % PAGE)
        weights = (1 - share, 1, share) if share else (1, 0, 0)
        (kept,) = random.choices((self._least, some, size), weights)
        del self.data[kept:]
        return size - kept

    def _lose_holes(self, random: Random, share: float) -> int:
        first = -(-self._least // PAGE)
        lost = [n for n in range(first, len(self.data) // PAGE) if random.random() >= share]
        for number in lost:
            self.data[number * PAGE : (number + 1) * PAGE] = bytes(PAGE)
        return len(lost)

    def _keep(self, offset: int, end: int) -> None:
        """Keep the pages that are about to be changed, as far as the disk has something there."""
        end = min(end, self._least)
        for number in range(offset // PAGE, -(-end // PAGE)):
            if number not in self._pages:
                start = number * PAGE
                self._pages[number] = bytes(self.data[start : min(start + PAGE, self._size)])

    def _restore(self, number: int, before: int) -> None:
        """The page as the disk has it, as far as that is before this byte."""
        start, page = number * PAGE, self._pages[number]
        end = min(start + len(page), before)
        self.data[start:end] = page[: end - start]
