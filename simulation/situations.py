"""Situations that seeds come to too seldom: what a safeguard is there for. Each run begins with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import get_args

from simulation.scenario import (
    OPERATOR,
    QUEUE,
    Behaviour,
    Claimed,
    Fault,
    GroupPlan,
    Member,
    Planned,
    Queue,
    Scenario,
    Step,
)

PUBLISHER = Member("p")
#: So many seconds after the operator has come the connection is lost: when letters are replayed and removed,
#: which is after some hundredths of a second, but after three tenths on RabbitMQ.
_CUTS = (*(0.004 * n for n in range(4, 14)), *(0.28 + 0.005 * n for n in range(12)))


_SLOW = (("g0", Behaviour("succeeds", 1, 8.0)),)
_LONG = (("g0", Behaviour("succeeds", 1, 1.0)),)
_HANGING = (("g0", Behaviour("hangs", 1, 60.0)),)
_BUSY = (("g0", Behaviour("succeeds", 1, 0.005)),)

_DEADLY = (("g0", Behaviour("dies", 1000)),)
_OFTEN_DEADLY = (("g0", Behaviour("dies", 40)),)


def _failing(
    numbers: range, at: float, seconds: float = 0.0, times: int = 1
) -> tuple[Planned, ...]:
    """Messages on which the handler fails so often."""
    behaviours = (("g0", Behaviour("fails", times, seconds)),)
    return tuple(Planned(n, "sim.a", publisher="p", at=at, behaviours=behaviours) for n in numbers)


def _group(**options: object) -> GroupPlan:
    return replace(GroupPlan("g0", (Claimed("sim.a"),), lease=1.0), **options)  # type: ignore[arg-type]


_ANY: dict[str, Scenario] = {
    # What it still says of its message must not count: another member has handled that.
    "a member fails that was away": Scenario(
        seed=1,
        groups=(_group(),),
        members=(Member("m0", ("g0",)), Member("m1", ("g0",), joins=1.1), PUBLISHER),
        messages=_failing(range(1), 1.0, 0.5),
        faults=(Fault("m0", "frozen", 1.3, 4.0), Fault("m0", "killed", 5.6)),
    ),
    "a handler takes longer than the lease": Scenario(
        seed=1,
        groups=(_group(),),
        members=(Member("m0", ("g0",)), Member("m1", ("g0",)), PUBLISHER),
        messages=tuple(
            Planned(n, "sim.a", publisher="p", at=1.0, behaviours=_SLOW) for n in range(3)
        ),
    ),
    "handlers fail while members and the server are killed": Scenario(
        seed=1,
        groups=(_group(tries=2),),
        members=(Member("m0", ("g0",)), Member("m1", ("g0",)), PUBLISHER),
        messages=_failing(range(60), 1.0, 0.1, times=2),
        faults=(
            *(Fault(f"m{n % 2}", "killed", 1.5 + 0.7 * n) for n in range(12)),
            Fault(QUEUE, "killed", 3.0, 0.5),
        ),
    ),
    "the server is killed before it confirms": Scenario(
        seed=1,
        groups=(_group(),),
        members=(Member("m0", ("g0",)), PUBLISHER),
        messages=tuple(Planned(n, "sim.a", publisher="p", at=1.0 + 0.01 * n) for n in range(100)),
        faults=(Fault(QUEUE, "killed", 1.5, 8.0),),
        disk=(0.01, 0.05),
    ),
    "the server stands still while handlers publish": Scenario(
        seed=1,
        groups=(_group(lease=30.0),),
        members=(Member("m0", ("g0",)), PUBLISHER),
        messages=(
            *(
                Planned(
                    n, "sim.a", publisher="p", at=1.0, behaviours=_LONG, causes=(("g0", (n + 10,)),)
                )
                for n in range(10)
            ),
            *(Planned(n, "sim.b") for n in range(10, 20)),
        ),
        faults=(Fault(QUEUE, "frozen", 2.5, 8.0),),
    ),
    "messages wait for the handler": Scenario(
        seed=1,
        groups=(_group(),),
        members=(Member("m0", ("g0",)), PUBLISHER),
        messages=tuple(
            Planned(n, "sim.a", publisher="p", at=1.0 + 0.002 * n, behaviours=_BUSY)
            for n in range(150)
        ),
    ),
    "two operators replay at once": Scenario(
        seed=1,
        groups=(_group(tries=1),),
        members=(Member("m0", ("g0",)), PUBLISHER),
        messages=_failing(range(20), 1.0),
        steps=(Step("replay", 5.0), Step("replay", 5.0)),
    ),
    "operators are cut off while they replay": Scenario(
        seed=2,
        groups=(_group(tries=1),),
        members=(Member("m0", ("g0",)), PUBLISHER),
        messages=tuple(
            one
            for n in range(len(_CUTS))
            for one in _failing(range(5 * n, 5 * n + 5), 3.0 * n + 1.0)
        ),
        steps=tuple(Step("replay", 3.0 * n + 2.0) for n in range(len(_CUTS))),
        faults=tuple(
            Fault(OPERATOR, "replies lost", 3.0 * n + 2.0 + seconds, 0.2)
            for n, seconds in enumerate(_CUTS)
        ),
    ),
    "members make their group at once": Scenario(
        seed=1,
        groups=(_group(),),
        members=(
            *(Member(f"m{n}", ("g0",), joins=5.0) for n in range(3)),
            PUBLISHER,
        ),
        messages=tuple(Planned(n, "sim.a", publisher="p", at=1.0) for n in range(20)),
    ),
    "it is published while a group begins": Scenario(
        seed=1,
        groups=(_group(),),
        members=(Member("m0", ("g0",), joins=5.0), PUBLISHER),
        messages=tuple(
            Planned(n, "sim.a", publisher="p", at=4.5 if n < 20 else 4.9 + 0.005 * n)
            for n in range(150)
        ),
    ),
    "a group is away while the history is trimmed": Scenario(
        seed=1,
        groups=(_group(), _group(name="g1")),
        members=(Member("m0", ("g0",)), Member("m1", ("g1",)), PUBLISHER),
        messages=tuple(Planned(n, "sim.a", publisher="p", at=3.0) for n in range(5)),
        faults=(Fault("m0", "drains", 1.0, 150.0),),
        keep=5.0,
    ),
    "members are stopped while they handle": Scenario(
        seed=1,
        groups=(_group(lease=5.0),),
        members=(Member("m0", ("g0",), drain=6.0), Member("m1", ("g0",), drain=6.0), PUBLISHER),
        messages=tuple(
            Planned(n, "sim.a", publisher="p", at=1.0, behaviours=_HANGING if n == 9 else _LONG)
            for n in range(60)
        ),
        faults=tuple(Fault(f"m{n % 2}", "drains", 2.3 + 5.0 * n, 1.0) for n in range(8)),
    ),
    "a message kills its workers": Scenario(
        seed=1,
        groups=(_group(lease=30.0),),
        members=(Member("m0", ("g0",)), PUBLISHER),
        messages=(Planned(0, "sim.a", publisher="p", at=1.0, behaviours=_DEADLY),),
        faults=(Fault("p", "cut", 1500.0, 0.01),),  # it goes on for so long
    ),
    "a member is killed again and again": Scenario(
        seed=1,
        groups=(_group(lease=2.0),),
        members=(Member("m0", ("g0",)), PUBLISHER),
        messages=(Planned(0, "sim.a", publisher="p", at=1.0, behaviours=_OFTEN_DEADLY),),
        faults=(Fault("p", "cut", 500.0, 0.01),),
    ),
    "a command is sent before its group begins": Scenario(
        seed=1,
        groups=(GroupPlan("g0", (Claimed("do.x"),)),),
        members=(Member("m0", ("g0",), joins=5.0), PUBLISHER),
        messages=(Planned(0, "do.x", publisher="p", at=1.0),),
    ),
}

SITUATIONS: dict[str, Scenario] = {
    f"{name}: {queue}": replace(scenario, queue=queue)
    for queue in get_args(Queue)
    for name, scenario in _ANY.items()
}


def of_queue(scenarios: Mapping[str, Scenario], queue: Queue) -> Iterator[tuple[str, Scenario]]:
    """Those over this queue."""
    return ((name, one) for name, one in scenarios.items() if one.queue == queue)
