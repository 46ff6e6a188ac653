"""What is there in the end: nothing is missing, nothing is there twice, and nothing comes from nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from math import inf

from simulation.facts import (
    Place,
    all_accepted,
    all_handled,
    created,
    may_be_doubled,
    published_again_too_late,
)
from simulation.handlers import claims
from simulation.history import History
from simulation.leases import leases as leases_of
from simulation.scenario import Scenario


def nothing_is_lost(scenario: Scenario, history: History) -> list[str]:
    """What was accepted is handled, is a dead letter, or was dropped by somebody."""
    done = all_handled(history) | {
        (one.group, one.number) for one in history.of("letter", "dropped")
    }
    removed = {one.note for one in history.of("removed")}
    begun: dict[int, float] = {}
    for one in history.of("sent"):
        begun.setdefault(one.number, one.at)
    wrong = []
    settled = min((one.at for one in history.of("settled")), default=inf)
    for number, at in all_accepted(history).items():
        if at >= settled:
            continue
        subject = scenario.message(number).subject
        takers = [
            (group, claimed)
            for group in scenario.groups
            if (claimed := claims(group, subject)) and group.name not in removed
        ]
        for group, claimed in takers:
            if group.start == "new" and begun.get(number, at) < created(history, group.name):
                continue
            if (claimed, number) not in done:
                wrong.append(f"message {number}, accepted at {at:.4f}, never reached {claimed}")
    return wrong


def effects_are_there_once(scenario: Scenario, history: History) -> list[str]:
    """What was accepted, or caused, is there exactly once, and nothing else is."""
    copies: dict[Place, set[str]] = defaultdict(set)
    for one in history.of("delivered"):
        copies[one.group, one.number].add(one.key)
    replayed = Counter((one.group, one.number) for one in history.of("replayed"))
    unsure = sum(one.note.startswith("replay") for one in history.of("gave up"))
    buried = {(one.group, one.number) for one in history.of("buried")}
    late = published_again_too_late(scenario, history)
    wrong = [
        f"{group} got {len(keys)} copies of message {number}"
        for (group, number), keys in copies.items()
        if len(keys) > 1 + replayed[group, number] + unsure * ((group, number) in buried)
        and number not in late
    ]
    stored = Counter(one.number for one in history.of("left"))
    wrong += [f"message {number} is kept {n} times" for number, n in stored.items() if n > 1]
    accepted = all_accepted(history)
    handled = all_handled(history)
    for message in scenario.messages:
        for group, numbers in message.causes:
            claimed = claims(scenario.group(group), message.subject)
            if (claimed, message.number) in handled:
                wrong += [
                    f"{claimed} has handled message {message.number}, and message {number}, which it caused, "
                    "is not there"
                    for number in numbers
                    if number not in accepted
                ]
    return wrong


def each_copy_is_settled_once(scenario: Scenario, history: History) -> list[str]:
    """Where copies cannot be told apart: none is acked or buried more often than it was sent and replayed.

    Whoever is killed after it has stored the copy for a retry, and before the ack, leaves two.
    """
    if scenario.queue != "rabbitmq":
        return []
    uncounted = may_be_doubled(history)
    leases, wrong = leases_of(scenario, history), []
    sent = Counter(one.number for one in history.of("sent"))
    replayed = Counter((one.group, one.number) for one in history.of("replayed"))
    unsure = sum(one.note.startswith("replay") for one in history.of("gave up"))
    buried = {(one.group, one.number) for one in history.of("buried")}
    settled: Counter[Place] = Counter()
    doubled: Counter[Place] = Counter()
    for one in history.seen:
        place = one.group, one.number
        if one.what in ("retried", "released"):
            doubled[place] += not leases.takes_effect(one)
        elif one.what in ("acked", "buried") and leases.takes_effect(one):
            settled[place] += 1
            came = sent[one.number] + replayed[place] + doubled[place]
            came += unsure * (place in buried)
            if settled[place] > came and one.number not in uncounted:
                wrong.append(f"{one}; but it was sent and replayed {came} times")
        leases.see(one)
    return wrong


def nothing_comes_from_nothing(scenario: Scenario, history: History) -> list[str]:
    """Nothing is handled before it was accepted, nor caused before its cause was handled."""
    cause = {
        number: (claims(scenario.group(group), message.subject), message.number)
        for message in scenario.messages
        for group, numbers in message.causes
        for number in numbers
    }
    stored: set[int] = set()
    succeeded: set[tuple[str | None, int]] = set()
    wrong = []
    for one in history.seen:
        if one.what in ("stored", "sent"):
            if one.number in cause and cause[one.number] not in succeeded:
                wrong.append(f"{one}; but what causes it was not handled")
            stored.add(one.number)
        elif one.what == "succeeded":
            succeeded.add((one.group, one.number))
        elif one.what == "called" and one.number not in stored:
            # Seen at the queue one step later than a handler in the same process may be called.
            wrong.append(f"{one}; but it was never accepted")
    return wrong


def acks_follow_success(scenario: Scenario, history: History) -> list[str]:
    """Only what its handler succeeded on is acked, by the host that handled it."""
    succeeded = set()
    wrong = []
    for one in history.seen:
        if one.what == "succeeded":
            succeeded.add((one.host, one.group, one.number))
        elif one.what == "acked" and (one.host, one.group, one.number) not in succeeded:
            wrong.append(f"{one}; but {one.host} has not handled it")
    return wrong
