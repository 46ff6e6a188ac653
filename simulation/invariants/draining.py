"""What a host does that is told to stop."""

from __future__ import annotations

from dovetail.limits import CLOSE_SECONDS, RELEASE_SECONDS
from simulation.facts import Call, call_of, member_of
from simulation.history import History, Seen
from simulation.scenario import GroupPlan, Planned, Scenario

#: How much longer than it may a drain takes, in seconds.
DRAIN_SLACK = 3.0


def a_drain_ends(scenario: Scenario, history: History) -> list[str]:
    """In the time that it has; and then the host handles nothing."""
    began: dict[str, float] = {}
    ended: set[str] = set()
    wrong = []
    for one in history.seen:
        if one.what == "drains":
            began[one.host] = one.at
        elif one.what == "frozen":  # then it takes as long as that
            began.pop(one.host, None)
        elif one.what == "drained":
            ended.add(one.host)
            took = one.at - began.get(one.host, one.at)
            if took > member_of(scenario, one.host).drain + DRAIN_SLACK:
                wrong.append(f"{one}; it took {took:.3f} s")
        elif one.what == "called" and one.host in ended:
            wrong.append(f"{one}; but the host has drained")
    return wrong


def a_drain_finishes_what_has_begun(scenario: Scenario, history: History) -> list[str]:
    """A handler that needs less time than there is gets it."""
    running: dict[Call, Seen] = {}
    wrong = []
    for one in history.seen:
        call = call_of(one)
        if one.what == "called":
            running[call] = one
        elif one.what in ("succeeded", "failed", "waits"):
            running.pop(call, None)
        elif one.what in ("frozen", "killed"):
            running = {call: its for call, its in running.items() if its.host != one.host}
        elif one.what == "drained":
            wrong += [
                f"{one}; but it has not finished {its}"
                for its in running.values()
                if its.host == one.host and _has_time(scenario, its)
            ]
    return wrong


def _has_time(scenario: Scenario, called: Seen) -> bool:
    """Whether this call ends by itself before its host must have drained."""
    if called.note:  # one of a batch, which takes as long as all of them
        return False
    plan: GroupPlan = scenario.group(called.group.split("/")[0])
    message: Planned = scenario.message(called.number)
    behaviour = message.behaviour(plan.name)
    drain = member_of(scenario, called.host).drain
    # Its end is for giving back and closing.
    limits = [drain - min(RELEASE_SECONDS + CLOSE_SECONDS, drain / 2)]
    if plan.timeout is not None:
        limits.append(plan.timeout)
    return behaviour.does in ("succeeds", "hangs") and behaviour.seconds < min(limits)


def a_drained_host_holds_nothing(scenario: Scenario, history: History) -> list[str]:
    """What it has got and not finished it has given back, for others to have at once."""
    got = "received" if scenario.queue == "memory" else "delivered"
    held: dict[int, Seen] = {}
    wrong = []
    for one in history.seen:
        if one.what == got:
            held[one.delivery] = one
        elif one.what in ("let go", "acked", "retried", "released", "buried"):
            held.pop(one.delivery, None)
        elif one.what == "drained":
            wrong += [f"{one}; but it has {its}" for its in held.values() if its.host == one.host]
    return wrong
