"""Who runs in a group, as the server and the members say."""

from __future__ import annotations

import pytest

from dovetail.transports.nats import members


@pytest.mark.parametrize(
    ("waiting", "answers", "running"), [(0, 0, "0"), (3, 0, "1"), (0, 2, "2"), (1, 2, "2")]
)
def test_members_of_older_versions_are_counted_as_one(
    waiting: int, answers: int, running: str
) -> None:
    info = {"name": "save=events=a", "num_waiting": waiting, "delivered": {}, "ack_floor": {}}
    found = members._members("dovetail-events", info, {"dovetail-events.save=events=a": answers})
    assert str(found.running) == running
