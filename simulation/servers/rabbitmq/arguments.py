"""Whether what is declared is what is there already, and the words in which RabbitMQ says that it is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulation.servers.rabbitmq.refusals import Refused, not_simulated, precondition

#: What the kinds of queues understand here.
_KNOWN = {
    "classic": {"x-max-length", "x-max-length-bytes"},
    "quorum": {
        "x-queue-type",
        "x-delivery-limit",
        "x-quorum-initial-group-size",
        "x-message-ttl",
        "x-dead-letter-exchange",
        "x-dead-letter-routing-key",
        "x-dead-letter-strategy",
        "x-overflow",
    },
    "stream": {
        "x-queue-type",
        "x-max-age",
        "x-stream-max-segment-size-bytes",
        "x-initial-cluster-size",
    },
}
#: A limit that is reached would need a place for what goes beyond it.
_NO_LIMIT = 1_000_000
_TTL, _STRATEGY, _OVERFLOW = "x-message-ttl", "x-dead-letter-strategy", "x-overflow"


def kind_of(arguments: Mapping[str, Any]) -> str:
    """Which kind of queue this declares. Raises Refused for what is not simulated."""
    kind = str(arguments.get("x-queue-type", "classic"))
    if kind not in _KNOWN:
        raise not_simulated(f"a queue of type {kind!r}")
    if strange := arguments.keys() - _KNOWN[kind]:
        raise not_simulated(f"arguments of a {kind} queue: {', '.join(sorted(strange))}")
    if kind == "quorum":
        if arguments.get("x-delivery-limit", _NO_LIMIT) < _NO_LIMIT:
            raise not_simulated("a delivery limit that may be reached")
        moves = _TTL in arguments, arguments.get(_STRATEGY) == "at-least-once"
        if moves[0] != moves[1] or moves[1] != (arguments.get(_OVERFLOW) == "reject-publish"):
            raise not_simulated(
                "messages that expire, but for those that are dead-lettered at least once"
            )
    return kind


def check_flags(of: str, declared: Mapping[str, bool], current: Mapping[str, bool]) -> None:
    """Raise Refused where one of these differs."""
    for name, value in declared.items():
        if value != current[name]:
            received, there = str(value).lower(), str(current[name]).lower()
            raise inequivalent(name, of, f"'{received}'", f"'{there}'")


def check_arguments(of: str, declared: Mapping[str, Any], current: Mapping[str, Any]) -> None:
    """Raise Refused where one of these differs."""
    for name in sorted({*declared, *current}, key=lambda name: (name != "x-queue-type", name)):
        received, there = declared.get(name), current.get(name)
        if received == there:
            continue
        if received is None or there is None:
            raise inequivalent(name, of, _described(received), _described(there))
        raise inequivalent(name, of, f"'{received}'", f"'{there}'")


def inequivalent(name: str, of: str, received: str, current: str) -> Refused:
    """Something is there with another value of this."""
    return precondition(
        f"inequivalent arg '{name}' for {of} in vhost '/': received {received} but current is {current}"
    )


def _described(value: Any) -> str:
    if value is None:
        return "none"
    kind = "longstr" if isinstance(value, str) else _kind_of_number(value)
    return f"the value '{value}' of type '{kind}'"


def _kind_of_number(value: int) -> str:
    sizes = {7: "byte", 15: "short", 31: "signedint"}
    return next((name for bits, name in sizes.items() if value < 1 << bits), "long")
