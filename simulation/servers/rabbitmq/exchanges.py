"""Exchanges and their bindings: which destinations a message has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from simulation.servers.rabbitmq.refusals import not_simulated


class Binding(NamedTuple):
    """From an exchange to a queue, or to another exchange."""

    to_queue: bool
    destination: str
    key: str


@dataclass
class Exchange:
    """`kind` is fanout, direct or topic."""

    name: str
    kind: str
    durable: bool
    arguments: dict[str, Any]
    bindings: dict[Binding, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in ("fanout", "direct", "topic"):
            raise not_simulated(f"an exchange of type {self.kind!r}")
        if strange := self.arguments.keys() - {"alternate-exchange"}:
            raise not_simulated(f"arguments of an exchange: {', '.join(sorted(strange))}")

    @property
    def alternate(self) -> str | None:
        """Where goes what has no destination here."""
        name = self.arguments.get("alternate-exchange")
        return None if name is None else str(name)

    def matching(self, keys: Sequence[str]) -> Iterator[Binding]:
        """The bindings that a message with these routing keys takes."""
        for binding in self.bindings:
            if any(self._matches(binding.key, key) for key in keys):
                yield binding

    def _matches(self, pattern: str, key: str) -> bool:
        if self.kind == "fanout":
            return True
        if self.kind == "direct":
            return pattern == key
        return _is_topic(pattern.split("."), key.split(".") if key else [])


def _is_topic(pattern: Sequence[str], words: Sequence[str]) -> bool:
    """A star stands for one word, a hash for any number of them."""
    if not pattern:
        return not words
    if pattern[0] == "#":
        return any(_is_topic(pattern[1:], words[at:]) for at in range(len(words) + 1))
    return bool(words) and pattern[0] in ("*", words[0]) and _is_topic(pattern[1:], words[1:])
