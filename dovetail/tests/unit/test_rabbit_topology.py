"""Names on RabbitMQ."""

from __future__ import annotations

import pytest

from dovetail import ConfigurationError
from dovetail.transports.rabbitmq.topology import exchange, exchange_of, queue_of


def test_an_exchange_is_named_as_its_queue() -> None:
    queue = queue_of("g" * 17, "s" * 100)
    assert len(queue) == 127
    assert exchange_of(queue) == queue


def test_a_long_name_of_an_exchange_is_cut_and_stays_its_own() -> None:
    names = [exchange_of(queue_of("group", "s" * 199 + end)) for end in "ab"]
    assert names[0] != names[1]
    for name in names:
        assert len(name) == 127
        exchange(name, "fanout")  # pamqp takes it


def test_names_that_are_too_long_together() -> None:
    with pytest.raises(ConfigurationError, match="too long together"):
        queue_of("g" * 50, "s" * 200)
