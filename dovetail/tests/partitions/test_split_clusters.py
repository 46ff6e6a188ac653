"""Clusters whose network is split, under load: what was confirmed, and what was made of it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from random import Random

import pytest

from benchmarks.partitions.faults import FAULTS, split_network
from benchmarks.partitions.network import Cuts
from benchmarks.partitions.outcome import Outcome
from benchmarks.partitions.splits import Hosts, apart
from benchmarks.partitions.trial import Trial, run

#: Three servers, publishers and workers on hosts of their own, splits that last some seconds.
pytestmark = [
    pytest.mark.faults,
    pytest.mark.heavy,
    pytest.mark.slow,
    pytest.mark.usefixtures("hosts_permitted"),
]


def first_server_and_a_client(hosts: Hosts, random: Random) -> Cuts:
    """With Redis the first is the master; everyone else is on the other side."""
    return apart({"a", "p"}, {"b", "c", "q"})


async def test_nats_loses_and_doubles_nothing(tmp_path: Path) -> None:
    faults = {name: FAULTS[name] for name in ("halves", "bridge", "not_heard")}
    trial = Trial("nats", seed=1, seconds=24, faults=faults, lasts=(7, 8), well=(4, 5))
    outcome = await outcome_of(trial, tmp_path)
    assert outcome.good, outcome.table()
    assert outcome.total.times >= 2


@pytest.mark.timeout(240)  # three nodes may take a minute to start on a machine that is busy
async def test_rabbitmq_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """The node that is cut off pauses, and who is cut off with it gives up connections to the others.

    Either takes up to 12.5 seconds; what was written on them and not confirmed is gone.
    """
    faults = {"apart": partial(split_network, first_server_and_a_client)}
    trial = Trial("rabbitmq", 1, 1, faults, lasts=(14, 14), well=(5, 5))
    outcome = await outcome_of(trial, tmp_path)
    assert outcome.good, outcome.table()
    assert outcome.rows["apart"].longest_of_one > 12  # with few nodes nothing is confirmed


async def test_redis_loses_what_an_abandoned_master_took(tmp_path: Path) -> None:
    """What it took while the worker was on the other side, and nothing else; after the split all goes on.

    The worker takes up to ten seconds to notice and to go to the promoted one, and Sentinel as long to make
    the old one a replica.
    """
    faults = {"promoted": partial(split_network, first_server_and_a_client)}
    trial = Trial("redis", 1, 1, faults, workers=("q",), lasts=(16, 16), well=(14, 14))
    outcome = await outcome_of(trial, tmp_path)
    assert outcome.total.times == 1
    assert outcome.rows["promoted"].lost > 0
    assert outcome.total.lost == outcome.rows["promoted"].lost
    assert not outcome.total.doubled
    assert not any((outcome.late, outcome.dead, outcome.unhandled, outcome.failed))


async def outcome_of(trial: Trial, folder: Path) -> Outcome:
    outcome = Outcome(trial.queue)
    await run(trial, folder, outcome)
    return outcome
