"""Who does not hear whom."""

from __future__ import annotations

from itertools import combinations
from random import Random

import pytest

from benchmarks.partitions.splits import SPLITS, Hosts, Split

HOSTS = Hosts(("a", "b", "c"), ("p", "q"))


@pytest.mark.parametrize("split", SPLITS, ids=lambda split: split.__name__)
def test_two_servers_always_hear_each_other(split: Split) -> None:
    """Most of them can go on, whatever is drawn."""
    for seed in range(50):
        cuts = split(HOSTS, Random(seed))
        assert cuts <= {
            (one, two) for one in HOSTS.everyone for two in HOSTS.everyone if one != two
        }
        assert cuts
        pairs = combinations(HOSTS.servers, 2)
        assert any(not {(one, two), (two, one)} & cuts for one, two in pairs)


@pytest.mark.parametrize("split", SPLITS, ids=lambda split: split.__name__)
def test_same_seed_same_cuts(split: Split) -> None:
    assert split(HOSTS, Random(7)) == split(HOSTS, Random(7))
