"""What the facts in RabbitMQ's registry say together."""

from __future__ import annotations

from typing import Literal

from dovetail.transports.rabbitmq.claims import RegisteredClaim, together
from dovetail.transports.rabbitmq.topology import queue_of

QUEUE, OTHER = queue_of("ours", "s"), queue_of("others", "s")


def _fact(
    kind: Literal["event", "command"], group: str = "ours", **more: object
) -> RegisteredClaim:
    return RegisteredClaim(group, "s", kind, **more)  # type: ignore[arg-type]


def test_later_kind_counts_and_is_yet_to_be_provisioned() -> None:
    facts = [_fact("event"), _fact("event", provisioned=True, marked=True), _fact("command")]
    found = together(facts)[QUEUE]
    assert (found.kind, found.provisioned, found.marked, found.changed) == (
        "command",
        False,
        False,
        True,
    )
    found = together([*facts, _fact("command", provisioned=True)])[QUEUE]
    assert (found.provisioned, found.changed) == (True, True)


def test_member_of_the_older_release_does_not_change_the_kind_back() -> None:
    """It only says that there is a queue for delays, or for dead letters."""
    facts = [_fact("event"), _fact("command"), _fact("command", provisioned=True)]
    found = together([*facts, _fact("event", delays=(50,)), _fact("event", dead=True)])
    assert found[QUEUE] == RegisteredClaim(
        "ours", "s", "command", provisioned=True, delays=(50,), dead=True, changed=True
    )
    assert OTHER not in together([*facts, _fact("event", delays=(50,)), _fact("command", "others")])


def test_command_that_becomes_an_event_is_free() -> None:
    facts = [_fact("command"), _fact("event"), _fact("command", "others")]
    found = together(facts)
    assert (found[QUEUE].kind, found[OTHER].kind) == ("event", "command")
    assert together([*facts, _fact("command")])[QUEUE].kind == "event"  # others have it
