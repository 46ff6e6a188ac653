"""When a master is left because the sentinels name another one."""

from __future__ import annotations

import pytest

from dovetail.errors import ConfigurationError
from dovetail.network.server_address import Host
from dovetail.transports.redis.sentinels import other_master

OURS, OTHER, THIRD = ("ours", 1), ("other", 2), ("third", 3)
DOWN, WRONG = OSError("no answer"), ConfigurationError("refused", setting="url")


@pytest.mark.parametrize(
    ("say", "left_for"),
    [
        ([OURS], None),
        ([OTHER], OTHER),
        ([DOWN], None),
        ([OURS, OURS, OTHER], None),  # one was cut off from the others
        ([OURS, DOWN, OTHER], None),
        ([DOWN, WRONG, OTHER], None),  # it may be one that is wrong
        ([DOWN, DOWN, DOWN], None),
        ([OTHER, DOWN, OTHER], OTHER),
        ([OTHER, WRONG, OTHER], OTHER),
        ([OTHER, OTHER, OTHER], OTHER),
        ([OTHER, THIRD, DOWN], None),  # in the middle of a fail-over
        ([OTHER, DOWN], None),
    ],
    ids=str,
)
async def test_most_must_name_the_same(say: list[Host | Exception], left_for: Host | None) -> None:
    hosts = [("sentinel", number) for number in range(len(say))]

    async def ask(host: Host) -> Host:
        said = say[hosts.index(host)]
        if isinstance(said, Exception):
            raise said
        return said

    for _ in range(20):  # in random order each time
        assert await other_master(hosts, OURS, ask) == left_for
