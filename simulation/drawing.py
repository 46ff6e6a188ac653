"""Draws a scenario from a seed."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from simulation.handlers import claims
from simulation.scenario import (
    OPERATOR,
    QUEUE,
    Behaviour,
    Claimed,
    Does,
    Fault,
    GroupPlan,
    How,
    Member,
    Planned,
    Queue,
    Scenario,
    Step,
)

EVENTS = ("sim.a", "sim.b", "sim.c")
COMMANDS = ("do.x", "do.y")
#: What happens is drawn within so many seconds.
SPAN = 30.0
#: How often a handler does something else than to succeed at once.
_DOES: dict[Does, int] = {
    "succeeds": 6,
    "fails": 6,
    "rejects": 1,
    "not ready": 3,
    "retry after": 1,
    "hangs": 2,
    "blocks": 2,
    "dies": 2,
    "cancels itself": 1,
    "exits": 1,
    "returns rubbish": 1,
    "returns what nobody can read": 1,
}


def draw(seed: int, queue: Queue = "memory") -> Scenario:
    """The scenario of this seed."""
    scenario = _draw(seed)
    return scenario if queue == "memory" else _over_a_server(scenario, queue)


def _over_a_server(scenario: Scenario, queue: Queue) -> Scenario:
    """The same, and what befalls the server and the connections to it."""
    chance = Random(f"{scenario.seed}:{queue}")
    disk: tuple[float, float] = chance.choice(((0.0, 0.0), (0.0, 0.0), (0.001, 0.01), (0.01, 0.2)))
    faults = list(scenario.faults)
    hosts = [one.host for one in scenario.members]
    for _ in range(chance.choice((0, 0, 1, 2, 3))):
        how: How = chance.choice(("killed", "killed", "frozen"))
        seconds = chance.choice((0.01, 0.5, 2.0, 8.0, 30.0))
        faults.append(Fault(QUEUE, how, chance.uniform(0.01, SPAN), seconds))
    for _ in range(chance.choice((0, 0, 1, 2))):
        seconds = chance.choice((0.05, 1.0, 4.0, 12.0))
        faults.append(Fault(chance.choice(hosts), "stalls", chance.uniform(0.01, SPAN), seconds))
    faults += _operators_faults(Random(f"{scenario.seed}:{queue}:operator"), scenario.steps)
    return replace(
        scenario, queue=queue, disk=disk, faults=tuple(faults), network=True, limit_bytes=None
    )


def _operators_faults(chance: Random, steps: tuple[Step, ...]) -> list[Fault]:
    """Some who replay are cut off while they do."""
    hows: tuple[How, ...] = ("cut", "replies lost")
    return [
        Fault(
            OPERATOR,
            chance.choice(hows),
            step.at + chance.uniform(0.0, 0.2),
            chance.choice((0.01, 0.5, 3.0)),
        )
        for step in steps
        if step.operation == "replay" and chance.random() < 0.5
    ]


def _draw(seed: int) -> Scenario:
    chance = Random(f"{seed}:scenario")
    calm = chance.random() < 0.15
    network = chance.random() < 0.7
    groups = _groups(chance)
    members = _members(chance, groups, calm)
    publishers = tuple(
        Member(f"publisher{n}", latency=_latency(chance)) for n in range(chance.randint(1, 3))
    )
    messages = _messages(chance, groups, [one.host for one in publishers], calm)
    hosts = [one.host for one in (*members, *publishers)]
    keep = chance.choice((None, None, 60.0, 5.0))
    late = any(one.joins > 0 for one in members)
    return Scenario(
        seed=seed,
        groups=groups,
        members=members + publishers,
        messages=messages,
        faults=() if calm else _faults(chance, hosts, network),
        steps=() if calm else _steps(chance, groups),
        keep=None if late else keep,
        limit_bytes=None if late or keep is None else chance.choice((None, 4000, 8000)),
        network=network,
    )


def _groups(chance: Random) -> tuple[GroupPlan, ...]:
    commands = chance.sample(COMMANDS, chance.randint(0, 2))
    groups = []
    for n in range(chance.randint(1, 4)):
        subjects = chance.sample(EVENTS, chance.randint(1, 2))
        if chance.random() < 0.2:
            subjects = ["sim.*"]
        if commands:
            subjects.append(commands.pop())
        groups.append(_group(chance, f"g{n}", subjects))
    return tuple(groups)


def _group(chance: Random, name: str, subjects: list[str]) -> GroupPlan:
    lease = chance.choice((1.0, 2.0, 5.0))
    return GroupPlan(
        name=name,
        handlers=tuple(
            Claimed(one, chance.choice((0, 0, 0, 2, 5, 50)), chance.random() < 0.3)
            for one in subjects
        ),
        concurrency=chance.choice((1, 1, 1, 2, 4)),
        prefetch=chance.choice((1, 2, 10, 1000)),
        lease=lease,
        timeout=chance.choice((None, None, 0.5, 3.0)),
        tries=chance.choice((1, 2, 3, 5)),
        first_pause=chance.choice((0.01, 0.2, 2.0)),
        start=chance.choice(("first", "first", "first", "new")),
    )


def _latency(chance: Random) -> tuple[float, float]:
    return chance.choice(((0.0001, 0.001), (0.0005, 0.005), (0.001, 0.05)))


def _members(chance: Random, groups: tuple[GroupPlan, ...], calm: bool) -> tuple[Member, ...]:
    members = []
    late = chance.random() < 0.3
    for group in groups:
        together = chance.random() < 0.2
        for n in range(1 if calm else chance.randint(1, 3)):
            also = tuple(one.name for one in groups) if together else (group.name,)
            joins = chance.uniform(1, SPAN) if n > 0 or (late and "do." not in str(group)) else 0.0
            members.append(
                Member(
                    f"{group.name}-m{n}",
                    also,
                    joins,
                    _latency(chance),
                    chance.choice((3.0, 10.0)),
                )
            )
    return tuple(members)


def _messages(
    chance: Random, groups: tuple[GroupPlan, ...], publishers: list[str], calm: bool
) -> tuple[Planned, ...]:
    claimed = {one.subject for group in groups for one in group.handlers}
    subjects = [*EVENTS, *(one for one in COMMANDS if one in claimed)]
    total = chance.randint(5, 40)
    trouble = 0.0 if calm else chance.choice((0.05, 0.3, 0.6))
    moments = [chance.uniform(0, SPAN) for _ in range(chance.randint(1, total))]
    drafts: list[dict[str, Any]] = []
    for number in range(total):
        drafts.append(
            {
                "number": number,
                "subject": chance.choice(subjects),
                "publisher": chance.choice(publishers),
                "at": chance.choice(moments),
                "repeats": chance.choice((0, 0, 0, 0, 1, 2)),
                "repeat_after": chance.choice((0.0, 0.5, 20.0)),
            }
        )
    _let_cause(chance, drafts, groups, subjects)
    for draft in drafts:
        draft["behaviours"] = tuple(
            (group.name, _behaviour(chance, group))
            for group in groups
            if claims(group, draft["subject"]) and chance.random() < trouble
        )
    return tuple(Planned(**draft) for draft in drafts)


def _let_cause(
    chance: Random, drafts: list[dict[str, Any]], groups: tuple[GroupPlan, ...], subjects: list[str]
) -> None:
    """Some handlers cause messages, which cause others."""
    number = len(drafts)
    for draft in list(drafts):
        causing = [draft]
        while causing and number < 90:
            this = causing.pop()
            causes = []
            for group in groups:
                if not claims(group, this["subject"]) or chance.random() > 0.2:
                    continue
                numbers = []
                for _ in range(chance.randint(1, 2)):
                    made = {"number": number, "subject": chance.choice(subjects)}
                    drafts.append(made)
                    causing.append(made)
                    numbers.append(number)
                    number += 1
                causes.append((group.name, tuple(numbers)))
            this["causes"] = tuple(causes)


def _behaviour(chance: Random, group: GroupPlan) -> Behaviour:
    does = chance.choices(list(_DOES), list(_DOES.values()))[0]
    times = chance.choice((1, 1, 1, 2, 3, 1000))
    match does:
        case "succeeds":
            return Behaviour(does, times, chance.choice((0.005, 0.1, 1.5, 2.5 * group.lease)))
        case "fails":
            return Behaviour(does, times, chance.choice((0.0, 0.0, 0.1)))
        case "not ready":
            return Behaviour(does, chance.choice((1, 2, 4, 8)))
        case "retry after":
            return Behaviour(does, min(times, 3), chance.choice((0.0, 0.5, 5.0)))
        case "hangs":
            # Without a limit of time it hangs until its worker drains, and then again.
            return Behaviour(does, min(times, 3), chance.choice((1.0, 10.0, 60.0)))
        case "blocks":
            return Behaviour(does, 1, chance.choice((0.05, 0.5, 2.0)) * group.lease)
        case "dies":
            return Behaviour(does, chance.choice((1, 1, 2, 5)))
        case _:
            return Behaviour(does, times)


def _faults(chance: Random, hosts: list[str], network: bool) -> tuple[Fault, ...]:
    kinds: list[How] = ["drains", "killed", "frozen"]
    if network:
        kinds += ["cut", "replies lost"]
    return tuple(
        Fault(
            chance.choice(hosts),
            chance.choice(kinds),
            chance.uniform(0.01, SPAN),
            chance.choice((0.01, 0.2, 1.0, 4.0, 12.0, 70.0)),
        )
        for _ in range(chance.choice((0, 1, 2, 4, 8)))
    )


def _steps(chance: Random, groups: tuple[GroupPlan, ...]) -> tuple[Step, ...]:
    steps = [
        Step(chance.choice(("replay", "replay", "drop")), chance.uniform(5, SPAN + 10))
        for _ in range(chance.choice((0, 0, 1, 3)))
    ]
    if chance.random() < 0.15:
        group = chance.choice(groups).name
        steps.append(Step("rename", chance.uniform(2, SPAN), group, f"{group}x"))
    if chance.random() < 0.1 and len(groups) > 1:
        steps.append(Step("remove", chance.uniform(2, SPAN), chance.choice(groups).name))
    return tuple(steps)
