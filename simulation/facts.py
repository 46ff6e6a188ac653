"""What can be told of a history as a whole."""

from __future__ import annotations

from collections import Counter
from math import inf

from simulation.history import History, Seen, What
from simulation.messages import COMMANDS
from simulation.scenario import QUEUE, Member, Scenario
from simulation.troubles import Troubles

#: For so long every queue remembers the id of what was published.
REMEMBERED_SECONDS = 110.0

Place = tuple[str, int]


def told_apart(scenario: Scenario, history: History) -> list[Seen]:
    """Without the messages whose copies cannot be told apart: RabbitMQ knows them by the id alone."""
    if scenario.queue != "rabbitmq":
        return history.seen
    sent = Counter(one.number for one in history.of("sent"))
    copied = {number for number, times in sent.items() if times > 1} | may_be_doubled(history)
    copied |= {one.number for one in history.of("replayed")}
    if any(one.note.startswith("replay") for one in history.of("gave up")):
        copied |= {one.number for one in history.of("buried")}
    return [one for one in history.seen if one.number not in copied]


def may_be_doubled(history: History) -> set[int]:
    """What RabbitMQ may have twice although it was published once.

    A connection was lost before the confirm, and it was published again; or a member was gone before it had
    let go of what it had put into another queue, for a retry or for the next part of a pause.
    """
    workers, troubles = {one.host for one in history.of("joined")}, Troubles(history)
    sending: dict[tuple[str, int], None] = {}
    waiting: dict[tuple[str, str], int] = {}
    doubled: set[int] = set()
    for one in history.seen:
        if one.what in ("killed", "frozen", "cut"):
            doubled |= {number for host, number in sending if one.host in (host, QUEUE)}
            doubled |= set(waiting.values()) if one.host in {QUEUE, *workers} else set()
        elif one.what in ("sent", "retried", "released"):
            if troubles.between(one.host, one.at, one.at):
                doubled.add(one.number)
            if one.what == "sent":
                sending[one.host, one.number] = None
            else:
                waiting[one.group, one.key] = one.number
        elif one.what in ("stored", "refused", "confirmed"):
            sending.pop((one.host, one.number), None)
        elif one.what == "delivered":
            waiting.pop((one.group, one.key), None)
    return doubled


def first_of(history: History, what: What) -> dict[int, int]:
    """At which place of the history this happened to each message first."""
    first: dict[int, int] = {}
    for position, one in enumerate(history.seen):
        if one.what == what:
            first.setdefault(one.number, position)
    return first


def is_restart(one: Seen) -> bool:
    """Whether the server was killed, and has been started again."""
    return one.what == "cut" and one.host == QUEUE and one.note.startswith("killed")


def published_again_too_late(scenario: Scenario, history: History) -> set[int]:
    """What was published again when the queue need not remember its id any more."""
    first: dict[int, float] = {}
    restarted, late = -inf, set()
    for one in history.of("sent", "cut"):
        if one.what == "cut":
            restarted = one.at if is_restart(one) else restarted
            continue
        before = first.setdefault(one.number, one.at)
        # A NATS server that starts reads ids from what it has: commands that were handled are gone.
        command = scenario.queue == "nats" and scenario.message(one.number).subject in COMMANDS
        if one.at - before > REMEMBERED_SECONDS or (command and before < restarted):
            late.add(one.number)
    return late


def all_accepted(history: History) -> dict[int, float]:
    """The numbers of what the queue has taken, and when."""
    accepted: dict[int, float] = {}
    for one in history.of("stored", "confirmed"):
        accepted.setdefault(one.number, one.at)
    return accepted


def all_handled(history: History) -> set[Place]:
    """What was handled and acked."""
    return {(one.group, one.number) for one in history.of("acked")}


def created(history: History, group: str) -> float:
    """When a group's first member had joined for certain."""
    times = [one.at for one in history.of("joined") if group in one.note.split()]
    return min(times, default=float("inf"))


def member_of(scenario: Scenario, host: str) -> Member:
    """What the scenario says of this process; one of those that come at the end is as usual."""
    name = host.rsplit(".", 1)[0]
    return next((one for one in scenario.members if one.host == name), Member(name))


#: One message that a handler has: the host, the group and what it has claimed, and the number.
Call = tuple[str, str, int]


def call_of(one: Seen) -> Call:
    """Which call of a handler this is about."""
    return one.host, one.group, one.number
