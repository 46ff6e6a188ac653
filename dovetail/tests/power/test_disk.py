"""What a loss of power leaves of names, and of what they stand for."""

from __future__ import annotations

import stat
from collections.abc import Callable

import pytest

from benchmarks.power.disk import Disk, Names, Node

FILE, FOLDER = stat.S_IFREG | 0o600, stat.S_IFDIR | 0o700
ME = (0, 0)


def names(disk: Disk) -> set[str]:
    return {path.decode() for path, _ in disk.walk()}


def make(disk: Disk, name: str, data: bytes = b"", folder: Node | None = None) -> Node:
    node = disk.make(folder or disk.root, name.encode(), FILE, ME)
    node.content.write(0, data)
    return node


def after(prepare: Callable[[Disk], object], rule: Names, seeds: int = 60) -> set[frozenset[str]]:
    """The names that there can be, where the disk was prepared like this."""
    found = set()
    for seed in range(seeds):
        disk = Disk(rule)
        prepare(disk)
        disk.lose_power(seed)
        found.add(frozenset(names(disk)))
    return found


def is_(*each: str) -> frozenset[str]:
    return frozenset(each)


def test_a_synced_file_has_its_name() -> None:
    assert after(lambda disk: disk.sync(make(disk, "a")), "xfs") == {is_("/a")}


def test_a_synced_file_may_lack_its_name() -> None:
    assert after(lambda disk: disk.sync(make(disk, "a")), "posix") == {is_(), is_("/a")}


def test_a_synced_folder_has_its_names() -> None:
    def prepare(disk: Disk) -> None:
        make(disk, "a")
        disk.sync(disk.root)

    assert after(prepare, "posix") == {is_("/a")}


def renamed(disk: Disk) -> None:
    disk.sync(make(disk, "old"))
    disk.sync(disk.root)
    disk.rename(disk.root, b"old", disk.root, b"new")


@pytest.mark.parametrize("rule", ["xfs", "posix"])
def test_a_rename_that_was_not_synced(rule: Names) -> None:
    assert after(renamed, rule) == {is_("/old"), is_("/new")}


def test_a_rename_between_two_folders_is_never_half() -> None:
    def prepare(disk: Disk) -> None:
        here, there = (disk.make(disk.root, name, FOLDER, ME) for name in (b"a", b"b"))
        make(disk, "f", folder=here)
        for node in (disk.root, here):
            disk.sync(node)
        disk.rename(here, b"f", there, b"f")

    assert after(prepare, "posix") == {is_("/a", "/b", "/a/f"), is_("/a", "/b", "/b/f")}


def test_names_reach_the_disk_in_order() -> None:
    def prepare(disk: Disk) -> None:
        for name in "abc":
            make(disk, name)

    expected = {is_(), is_("/a"), is_("/a", "/b"), is_("/a", "/b", "/c")}
    assert after(prepare, "xfs") == expected


@pytest.mark.parametrize(
    ("rule", "possible"),
    [("ext4", {b"old", b"new"}), ("xfs", {b"old", b"", b"n", b"ne", b"new"})],
)
def test_what_replaced_a_file_without_a_sync(rule: Names, possible: set[bytes]) -> None:
    contents = set()
    for seed in range(200):
        disk = Disk(rule)
        disk.sync(make(disk, "a", b"old"))
        make(disk, "new", b"new")
        disk.rename(disk.root, b"new", disk.root, b"a")
        disk.lose_power(seed)
        contents.add(bytes(disk.find(disk.root, b"a").content.data))
    assert contents == possible


def removed(disk: Disk) -> None:
    disk.sync(make(disk, "a", b"held"))
    disk.remove(disk.root, b"a")


def test_a_removed_file_may_be_back_with_what_it_held() -> None:
    assert after(removed, "xfs") == {is_(), is_("/a")}
    disk = Disk()
    removed(disk)
    disk.lose_power(next(seed for seed in range(60) if _is_back(seed)))
    assert bytes(disk.find(disk.root, b"a").content.data) == b"held"


def _is_back(seed: int) -> bool:
    disk = Disk()
    removed(disk)
    disk.lose_power(seed)
    return bool(names(disk))


def test_one_bit_is_flipped_where_it_is_asked_for() -> None:
    disk = Disk()
    here, there = make(disk, "here.blk", bytes(100)), make(disk, "there", bytes(100))
    (said,) = disk.flip(5, "*.blk")
    assert said.startswith("/here.blk byte ")
    assert sum(byte.bit_count() for byte in here.content.data) == 1
    assert not any(there.content.data)
    assert disk.flip(5, "*.none") == []
