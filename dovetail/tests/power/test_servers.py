"""Servers that lose their power under load: a few times here, as often as you like by benchmarks.power."""

from __future__ import annotations

import pytest

from benchmarks.power.databases import Postgres, Sqlite
from benchmarks.power.embedded import Embedded, EmbeddedAlways
from benchmarks.power.outcome import Outcome
from benchmarks.power.queues import NatsAlways, NatsThree, Rabbit, RedisAlways, RedisEverysec
from benchmarks.power.tested import Tested
from benchmarks.power.trial import Conditions, trial

pytestmark = [
    pytest.mark.faults,  # it kills servers
    pytest.mark.heavy,  # each has a disk, a server and publishers
    pytest.mark.usefixtures("fuse"),
]

CUT_OFFS = 2
#: Of what is synced every second so much may be missing, of a load that goes on for longer.
LAST_SECONDS, LONGER_SECONDS = 2.5, 3.5


async def cut_off(
    setting: type[Tested], cut_offs: int = CUT_OFFS, load: tuple[float, float] = (0.2, 0.6)
) -> Outcome:
    outcome = Outcome(setting.__name__)
    # The first of this seed keeps nothing that was not synced.
    await trial(setting, outcome, cut_offs, seed=5, conditions=Conditions(load=load))
    assert not outcome.failures, outcome.failures
    assert outcome.cut_offs == cut_offs
    assert outcome.confirmed > 100
    assert not outcome.doubled
    assert not outcome.skipped, "a group does not get what is there"
    return outcome


@pytest.mark.parametrize("setting", [NatsAlways, EmbeddedAlways, RedisAlways])
async def test_nothing_is_lost(setting: type[Tested]) -> None:
    outcome = await cut_off(setting)
    assert not outcome.missing


@pytest.mark.parametrize("setting", [Sqlite, Postgres])
async def test_nothing_that_was_committed_is_lost(setting: type[Tested]) -> None:
    outcome = await cut_off(setting, 1)
    assert not outcome.missing


@pytest.mark.slow  # its nodes take some seconds to agree on a leader
async def test_nothing_is_lost_when_all_nodes_lose_power() -> None:
    outcome = await cut_off(NatsThree, 1)
    assert not outcome.missing


@pytest.mark.slow  # it takes six seconds to start
async def test_nothing_of_what_a_group_has_yet_to_handle_is_lost() -> None:
    outcome = await cut_off(Rabbit, 1)
    assert not outcome.lost


@pytest.mark.parametrize("setting", [Embedded, RedisEverysec])
async def test_no_more_is_lost_than_the_last_moment(setting: type[Tested]) -> None:
    outcome = await cut_off(setting, 1, (LONGER_SECONDS, LONGER_SECONDS))
    assert outcome.age < LAST_SECONDS
