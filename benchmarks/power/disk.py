"""A disk in memory that forgets what was not synced when the power goes: folders, names and files.

File systems differ in what becomes of names (what was created, renamed, removed):

- "ext4": a sync of any file or folder has all names on the disk that were changed before it, and after a loss
  of power the changes are there up to some moment. A file that has replaced another by a rename has its bytes
  with it (`auto_da_alloc`, which is ext4's default).
- "xfs": the same, but for the bytes of what replaces another: they may be missing.
- "posix", all that is promised anywhere: a sync of a file says nothing about its name. One of the folder
  does.

Beside that, the bytes and the size of a file are on the disk after a sync of that file only. Mode, owner and
times are there at once.
"""

from __future__ import annotations

import errno
import fnmatch
import itertools
import os
import stat
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Literal, get_args

from benchmarks.power.content import Content, Dropped

Names = Literal["ext4", "xfs", "posix"]
RULES: tuple[Names, ...] = get_args(Names)

#: What the kernel calls the root of a mounted file system.
ROOT = 1


@dataclass(eq=False)
class Node:
    """A file, a folder or a symbolic link."""

    number: int
    mode: int
    uid: int = 0
    gid: int = 0
    links: int = 0
    content: Content = field(default_factory=Content)
    entries: dict[bytes, Node] = field(default_factory=dict)
    target: bytes = b""
    #: Nanoseconds since 1970, of its content and of the rest.
    modified: int = 0
    changed: int = 0
    #: How often the kernel was told of it, and has not forgotten it.
    known: int = 0

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.mode)

    @property
    def size(self) -> int:
        return len(self.content.data) or len(self.target)


@dataclass(frozen=True)
class Entry:
    """One name in one folder, and what it stood for before and after a change."""

    folder: Node
    name: bytes
    before: Node | None
    after: Node | None

    def put(self, node: Node | None) -> None:
        if node is None:
            self.folder.entries.pop(self.name, None)
        else:
            self.folder.entries[self.name] = node


#: What changes together: a rename has two entries.
Change = tuple[Entry, ...]


class Disk:
    """The tree, and what of it is not synced. Raises OSError as the system calls do."""

    def __init__(self, names: Names = "xfs") -> None:
        self._numbers = itertools.count(ROOT)
        self.root = self._new(stat.S_IFDIR | 0o755, os.getuid(), os.getgid())
        self.nodes = {ROOT: self.root}
        #: Changes of names that the disk may not have, in their order.
        self._changes: list[Change] = []
        self._names = names

    # What programs do

    def node(self, number: int) -> Node:
        return self.nodes[number]

    def find(self, folder: Node, name: bytes) -> Node:
        """Raises ENOENT."""
        try:
            return folder.entries[name]
        except KeyError:
            raise OSError(errno.ENOENT, "no such file") from None

    def make(self, folder: Node, name: bytes, mode: int, owner: tuple[int, int]) -> Node:
        """A new file, folder or link."""
        if name in folder.entries:
            raise OSError(errno.EEXIST, "is there already")
        node = self._new(mode, *owner)
        self.nodes[node.number] = node
        self._change(Entry(folder, name, None, node))
        return node

    def link(self, node: Node, folder: Node, name: bytes) -> None:
        """A second name."""
        if name in folder.entries:
            raise OSError(errno.EEXIST, "is there already")
        self._change(Entry(folder, name, None, node))

    def remove(self, folder: Node, name: bytes) -> None:
        """A name, and what it stands for if it has no other and nobody has it open."""
        node = self.find(folder, name)
        if node.entries:
            raise OSError(errno.ENOTEMPTY, "is not empty")
        self._change(Entry(folder, name, node, None))

    def rename(
        self, folder: Node, name: bytes, to: Node, new: bytes, *, replace: bool = True
    ) -> None:
        """In one step, which is on the disk as a whole or not at all."""
        node, there = self.find(folder, name), to.entries.get(new)
        if there is node:
            return
        if there is not None and not replace:
            raise OSError(errno.EEXIST, "is there already")
        if there is not None and there.entries:
            raise OSError(errno.ENOTEMPTY, "is not empty")
        self._change(Entry(folder, name, node, None), Entry(to, new, there, node))
        if there is not None and self._names == "ext4":
            node.content.sync()

    def sync(self, node: Node) -> None:
        """As fsync does, of a file or a folder."""
        node.content.sync()
        if self._names != "posix":
            self._changes.clear()
        elif node.is_folder:
            self._sync_names(node)

    def sync_all(self) -> None:
        """As sync does, of everything."""
        for node in self.nodes.values():
            node.content.sync()
        self._changes.clear()

    def forget(self, number: int, times: int) -> None:
        """The kernel has so many fewer uses of it."""
        node = self.nodes.get(number)
        if node is not None:
            node.known -= times
            self._let_go(node)

    # What happens to it

    def lose_power(self, seed: int) -> Dropped:
        """Be what is on the disk. Of what was not synced some may be there, as the seed will have it."""
        random = Random(seed)
        share = random.choice((0.0, random.random(), random.random()))
        dropped = Dropped(names=self._undo(random, share))
        self.nodes = {ROOT: self.root}
        for _, node in self.walk():
            node.known = node.links = 0
            self.nodes[node.number] = node
            lost = node.content.lose(random, share, holes=self._names == "posix")
            dropped.pages += lost.pages
            dropped.bytes += lost.bytes
        for _, node in self.walk():
            node.links += 1
        return dropped

    def flip(self, seed: int, pattern: str, bits: int = 1) -> list[str]:
        """Flip bits of files whose path fits; returns where, in words."""
        random = Random(seed)
        files = [
            (path, node.content.data)
            for path, node in self.walk()
            if node.content.data and fnmatch.fnmatch(os.fsdecode(path), pattern)
        ]
        said = []
        for _ in range(bits if files else 0):
            path, data = random.choice(files)
            place, bit = random.randrange(len(data)), random.randrange(8)
            data[place] ^= 1 << bit
            said.append(f"{os.fsdecode(path)} byte {place} of {len(data)} bit {bit}")
        return said

    def walk(self) -> Iterator[tuple[bytes, Node]]:
        """All that has a name, with its path from the root."""
        waiting = [(b"", self.root)]
        while waiting:
            path, folder = waiting.pop()
            for name, node in folder.entries.items():
                yield path + b"/" + name, node
                if node.is_folder:
                    waiting.append((path + b"/" + name, node))

    # Names

    def _new(self, mode: int, uid: int, gid: int) -> Node:
        now = time.time_ns()
        return Node(next(self._numbers), mode, uid, gid, modified=now, changed=now)

    def _change(self, *entries: Entry) -> None:
        now = time.time_ns()
        for one in entries:
            one.put(one.after)
            one.folder.modified = one.folder.changed = now
            if one.after is not None:
                one.after.links += 1
            if one.before is not None:
                one.before.links -= 1
                self._let_go(one.before)
        self._changes.append(entries)

    def _let_go(self, node: Node) -> None:
        if node.links <= 0 and node.known <= 0 and node is not self.root:
            self.nodes.pop(node.number, None)

    def _sync_names(self, folder: Node) -> None:
        """Those of this folder, and what must be there for it: renames concern two."""
        synced = {folder}
        left = []
        for change in reversed(self._changes):
            folders = {one.folder for one in change}
            if synced & folders:
                synced |= folders
            else:
                left.append(change)
        self._changes = left[::-1]

    def _undo(self, random: Random, share: float) -> int:
        """Undo what does not reach the disk: in each folder (or in all) from some change on."""
        each = [self._in_order(change) for change in self._changes]
        count = Counter(folder for folders in each for folder in folders)
        left = {one: random.randint(0, count[one]) if share else 0 for one in count}
        undone = []
        for change, folders in zip(self._changes, each, strict=True):
            if all(left[one] > 0 for one in folders):
                left |= {one: left[one] - 1 for one in folders}
            else:
                left |= dict.fromkeys(folders, 0)  # nor what comes after it
                undone.append(change)
        for change in reversed(undone):
            for one in reversed(change):
                one.put(one.before)
        self._changes.clear()
        return len(undone)

    def _in_order(self, change: Change) -> list[Node]:
        """The folders whose changes reach the disk in the order of this one."""
        if self._names != "posix":
            return [self.root]
        return list({one.folder: None for one in change})
