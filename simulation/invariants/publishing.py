"""What publishers may rely on."""

from __future__ import annotations

from math import inf

from simulation.facts import first_of, told_apart
from simulation.handlers import claims
from simulation.history import History, Seen
from simulation.scenario import QUEUE, GroupPlan, Scenario

#: A publish has five seconds, and some slack.
PUBLISH_SECONDS = 5.5


def what_is_published_is_taken(scenario: Scenario, history: History) -> list[str]:
    """In the end, by a store that has room, and for groups that are there."""
    removed = {one.note for one in history.of("removed")}
    return [
        f"{one}; but the queue should have taken it"
        for one in history.of("never taken")
        if scenario.limit_bytes is None
        and not any(
            claims(group, scenario.message(one.number).subject)
            for group in scenario.groups
            if group.name in removed
        )
    ]


def publishers_are_told_in_time(scenario: Scenario, history: History) -> list[str]:
    """That it was stored, or that it was not, by a real transport."""
    away = {one.host for one in history.of("frozen")}
    sent: dict[tuple[str, int], float] = {}
    wrong = []
    for one in history.of("sent", "stored", "refused"):
        if one.what == "sent":
            sent[one.host, one.number] = one.at
        elif (one.host, one.number) in sent and one.host not in away:
            took = one.at - sent.pop((one.host, one.number))
            if took > PUBLISH_SECONDS:
                wrong.append(f"{one}; it took {took:.3f} s")
    return wrong


def a_new_group_may_want_no_history(scenario: Scenario, history: History) -> list[str]:
    """And gets nothing then of what was stored before its first member began."""
    begins = {
        group.name: min(one.joins for one in scenario.members if group.name in one.groups)
        for group in scenario.groups
        if group.start == "new"
    }
    stored: dict[int, float] = {}
    wrong = []
    for one in history.seen:
        if one.what == "sent":  # it may be stored at any time from now on
            stored.pop(one.number, None)
        elif one.what in ("stored", "confirmed"):
            stored[one.number] = one.at
        elif one.what == "delivered":
            begin = begins.get(one.group.split("/")[0], 0.0)
            if stored.get(one.number, inf) < begin:
                wrong.append(
                    f"{one}; but its group began at {begin:.4f}, and wants none from before"
                )
    return wrong


def order_is_kept(scenario: Scenario, history: History) -> list[str]:
    """Of one subject, by a group with one member and one call at a time that never fails."""
    stored = first_of(history, "stored")
    sent = first_of(history, "sent") or stored
    wrong = []
    for group in scenario.groups:
        if not _is_ordered(scenario, group):
            continue
        latest: dict[tuple[str, str], Seen] = {}
        for one in told_apart(scenario, history):
            if one.what == "ended":  # more members come
                break
            if one.what != "called" or one.group.split("/")[0] != group.name:
                continue
            place = one.group, scenario.message(one.number).subject
            before = latest.get(place)
            if before is not None and sent[before.number] > stored.get(one.number, inf):
                wrong.append(f"{one}; but message {before.number} came later and was called before")
            if before is None or sent[one.number] > sent[before.number]:
                latest[place] = one
    return wrong


def _is_ordered(scenario: Scenario, group: GroupPlan) -> bool:
    members = [one for one in scenario.members if group.name in one.groups]
    troubled = {fault.host for fault in scenario.faults}
    calm = all(
        message.behaviour(group.name).does == "succeeds"
        and message.behaviour(group.name).seconds < group.lease / 3
        for message in scenario.messages
    )
    return (
        len(members) == 1
        and not troubled & {members[0].host, QUEUE}
        and group.concurrency == 1
        and group.timeout is None  # a whole batch may take longer
        and calm
        and not scenario.steps
        and not any(other != group.name for other in members[0].groups)
    )
