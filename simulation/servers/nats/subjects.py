"""Subjects and patterns, and which values stand for a subject."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

Value = TypeVar("Value")


def is_valid(pattern: str) -> bool:
    """Whether streams and consumers take this as a subject or a pattern."""
    words = pattern.split(".")
    return all(words) and ">" not in words[:-1] and not any(one.isspace() for one in pattern)


def matches(pattern: str, subject: str) -> bool:
    """Whether the pattern stands for this subject; also whether for all that another pattern stands for."""
    wanted, words = pattern.split("."), subject.split(".")
    for position, word in enumerate(wanted):
        if word == ">":
            return len(words) > position
        if position >= len(words) or words[position] == ">":
            return False
        if word not in ("*", words[position]):
            return False
    return len(wanted) == len(words)


class _Node(Generic[Value]):
    __slots__ = ("children", "values")

    def __init__(self) -> None:
        self.children: dict[str, _Node[Value]] = {}
        #: A dict for its order, which a set of objects has not.
        self.values: dict[Value, None] = {}


class SubjectTree(Generic[Value]):
    """Values, each under a pattern; finds those that stand for a subject."""

    def __init__(self) -> None:
        self._root: _Node[Value] = _Node()

    def add(self, pattern: str, value: Value) -> None:
        """One more."""
        node = self._root
        for word in pattern.split("."):
            node = node.children.setdefault(word, _Node())
        node.values[value] = None

    def remove(self, pattern: str, value: Value) -> None:
        """It was added under this pattern."""
        path = [self._root]
        words = pattern.split(".")
        for word in words:
            path.append(path[-1].children[word])
        del path[-1].values[value]
        for word in reversed(words):
            node = path.pop()
            if node.values or node.children:
                break
            del path[-1].children[word]

    def find(self, subject: str) -> list[Value]:
        """All that stand for this subject."""
        return list(_found(self._root, subject.split("."), 0))


def _found(node: _Node[Value], words: list[str], position: int) -> Iterator[Value]:
    if position == len(words):
        yield from node.values
        return
    children = node.children
    if (rest := children.get(">")) is not None:
        yield from rest.values
    for word in (words[position], "*"):
        if (child := children.get(word)) is not None:
            yield from _found(child, words, position + 1)
