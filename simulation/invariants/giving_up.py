"""What uses up attempts, what becomes a dead letter, and what becomes of that."""

from __future__ import annotations

from collections import Counter, defaultdict

from dovetail.running.failures import unsettled_limit
from simulation.facts import Place, is_restart
from simulation.history import History, Seen
from simulation.scenario import Scenario


def attempts_are_failures(scenario: Scenario, history: History) -> list[str]:
    """Nothing but a failure of the handler on this very message uses up an attempt."""
    failures: Counter[Place] = Counter()
    used: dict[Place, dict[str, int]] = defaultdict(dict)
    wrong = []
    for one in history.seen:
        place = one.group, one.number
        if one.what == "failed":
            failures[place] += 1
        elif one.what == "delivered":
            used[place][one.key] = one.attempt - 1
            if sum(used[place].values()) > failures[place]:
                wrong.append(f"{one}; but the handler has failed {failures[place]} times on it")
    return wrong


def dead_letters_have_a_reason(scenario: Scenario, history: History) -> list[str]:
    """Only what failed as often as it may, was rejected, or kills its workers is given up."""
    failures: Counter[Place] = Counter()
    rejected: set[Place] = set()
    given: dict[int, Seen] = {}
    replayed: dict[Place, float] = {}
    wrong = []
    for one in history.seen:
        place = one.group, one.number
        if one.what == "failed":
            failures[place] += 1
            if one.note == "rejects":
                rejected.add(place)
        elif one.what == "delivered":
            given[one.delivery] = one
        elif one.what == "replayed" and scenario.queue == "memory":
            # Else the operator hears of it later than whoever handles it again.
            failures[place], replayed[place] = 0, one.at
            rejected.discard(place)
        elif one.what == "buried" and place not in rejected:
            if given[one.delivery].at < replayed.get(place, 0.0):
                continue  # it was lost to another member, which buried it before; this says nothing
            plan = scenario.group(one.group.split("/")[0])
            unsettled = int((given[one.delivery].note or "0").split(" ")[0])
            failed = one.attempt >= plan.tries and failures[place] >= plan.tries
            if not failed and unsettled < unsettled_limit(plan.lease):
                wrong.append(
                    f"{one}; but its handler failed {failures[place]} times, of {plan.tries}, "
                    f"and {unsettled} deliveries came to nothing"
                )
    return wrong


def what_kills_its_workers_is_given_up(scenario: Scenario, history: History) -> list[str]:
    """After a number of deliveries that follows from the lease; a server may forget some that it has made."""
    most = max(unsettled_limit(group.lease) for group in scenario.groups)
    killed = Counter(one.note for one in history.of("killed") if one.note.startswith("by message"))
    again = {f"by message {one.number}" for one in history.of("replayed")}
    forgotten = sum(is_restart(one) for one in history.of("cut"))
    return [
        f"{times} workers were killed {message}"
        for message, times in killed.items()
        if message not in again and times > most + len(scenario.groups) * (1 + forgotten)
    ]


def a_letter_is_taken_once(scenario: Scenario, history: History) -> list[str]:
    """By one of those who replay or drop it: no more of a message is taken than was buried."""
    left: Counter[Place] = Counter()
    wrong = []
    for one in history.of("buried", "replayed", "dropped"):
        place = one.group, one.number
        left[place] += 1 if one.what == "buried" else -1
        if left[place] < 0:
            wrong.append(f"{one}; but it was taken before")
    return wrong
