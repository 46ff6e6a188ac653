"""How long what waits, or takes time, may do so."""

from __future__ import annotations

from dovetail.transports.rabbitmq.limits import TOLERANCE_SECONDS
from simulation.facts import Call, call_of, is_restart, told_apart
from simulation.handlers import MOST_PAUSE_SECONDS
from simulation.history import History, Seen
from simulation.leases import leases as leases_of
from simulation.scenario import Scenario

#: Nothing takes no time at all.
SLACK_SECONDS = 0.05
#: Backoff's own.
JITTER = 0.2


def a_retry_waits(scenario: Scenario, history: History) -> list[str]:
    """For its pause, as far as the queue has certainly heard of it."""
    leases, wrong = leases_of(scenario, history), []
    tolerance = SLACK_SECONDS + (TOLERANCE_SECONDS if scenario.queue == "rabbitmq" else 0.0)
    waits: dict[tuple[str, str], tuple[Seen, float]] = {}
    for one in told_apart(scenario, history):
        place = one.group, one.key
        if one.what == "delivered":
            retried, until = waits.pop(place, (one, 0.0))
            if one.at < until - tolerance and leases.is_fresh(one):
                wrong.append(f"{one}; but {retried}")
        elif one.what == "retried" and leases.takes_effect(one):
            waits[place] = one, one.at + _pause_of(one)
        elif is_restart(one):  # a NATS server has not written lately what it was told of pauses
            waits.clear()
        leases.see(one)
    return wrong


def _pause_of(retried: Seen) -> float:
    return float(retried.note.split()[1])  # "in 0.200 s"


def pauses_grow(scenario: Scenario, history: History) -> list[str]:
    """Twice as long after each attempt, but for jitter, unless the handler says how long."""
    wrong = []
    for one in history.of("retried"):
        plan = scenario.group(one.group.split("/")[0])
        pause = min(plan.first_pause * 2 ** (one.attempt - 1), MOST_PAUSE_SECONDS)
        asked = scenario.message(one.number).behaviour(plan.name).does == "retry after"
        if not asked and _pause_of(one) < pause * (1 - JITTER) - 0.001:
            wrong.append(f"{one}; it should be {pause:g} s")
    return wrong


def a_handler_has_its_time_and_no_more(scenario: Scenario, history: History) -> list[str]:
    """One that is called for one message, and whose process does not stand still meanwhile."""
    limits = {group.name: group.timeout for group in scenario.groups}
    began: dict[Call, float] = {}
    wrong = []
    for one in history.seen:
        call = call_of(one)
        if one.what == "called" and not one.note:
            began[call] = one.at
        elif one.what == "frozen":
            began = {call: at for call, at in began.items() if call[0] != one.host}
        elif one.what == "succeeded" and call in began:
            took, limit = one.at - began.pop(call), limits[one.group.split("/")[0]]
            if limit is not None and took > limit + SLACK_SECONDS:
                wrong.append(f"{one}; but it took {took:.3f} s, and has {limit:g} s")
    return wrong
