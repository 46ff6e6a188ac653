"""Scenarios that have broken a promise once: `--shrink` writes them, and each run begins with them."""

from __future__ import annotations

from simulation.scenario import (
    Behaviour,
    Claimed,
    Fault,
    GroupPlan,
    Member,
    Planned,
    Scenario,
    Step,
)

SLOW = (0.05, 0.05)
LONG = (("g0", Behaviour("succeeds", 1, 0.9)),)

REGRESSIONS: dict[str, Scenario] = {
    # What it causes had ids that followed from the group's name.
    "renamed between publishing and ack": Scenario(
        seed=1,
        groups=(GroupPlan("g0", (Claimed("sim.a"),)), GroupPlan("g1", (Claimed("sim.b"),))),
        members=(
            Member("m0", ("g0",), latency=SLOW),
            Member("m1", ("g1",), latency=SLOW),
            Member("p", latency=SLOW),
        ),
        messages=(
            Planned(0, "sim.a", publisher="p", at=1.0, causes=(("g0", (1,)),)),
            Planned(1, "sim.b"),
        ),
        faults=(Fault("m0", "killed", 1.18),),
        steps=(Step("rename", 1.3, "g0", "g0x"),),
    ),
    # The worker ended with QueueUnavailable.
    "cut off while it gives back": Scenario(
        seed=1,
        groups=(GroupPlan("g0", (Claimed("sim.a"),), lease=1.0),),
        members=(Member("m0", ("g0",), latency=SLOW), Member("p", latency=SLOW)),
        messages=tuple(
            Planned(
                n, "sim.a", publisher="p", at=0.0 if n < 20 else 1.5, behaviours=LONG * (n >= 20)
            )
            for n in range(26)
        ),
        faults=(Fault("m0", "cut", 1.7, 20.0),),
    ),
}
