"""Protocols of the clients: bytes in, messages out, whatever becomes of the bytes on their way."""

from __future__ import annotations

import tracemalloc
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dovetail.network.protocol import ProtocolError

from . import nats, rabbitmq, redis

#: What a protocol may keep of garbage, for each byte of it.
MOST_KEPT = 64


@pytest.fixture(params=[nats, rabbitmq, redis], ids=["nats", "rabbitmq", "redis"], scope="module")
def protocol(request: pytest.FixtureRequest) -> ModuleType:
    module: ModuleType = request.param
    return module


def fed(protocol: ModuleType, *parts: bytes) -> list[Any]:
    """What came out; the last entry says where the protocol gave up."""
    log: list[Any] = []
    feed = protocol.new(log)
    for part in parts:
        try:
            feed(part)
        except ProtocolError as error:
            log.append(("garbage", str(error)))
            return log
    return log


def test_every_cut_gives_the_same(protocol: ModuleType) -> None:
    for stream in protocol.STREAMS:
        whole = fed(protocol, stream)
        assert whole
        for cut in range(1, len(stream)):
            assert fed(protocol, stream[:cut], stream[cut:]) == whole, cut
        assert fed(protocol, *(stream[at : at + 1] for at in range(len(stream)))) == whole


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_generated_streams_in_random_pieces(protocol: ModuleType, data: st.DataObject) -> None:
    stream = data.draw(protocol.streams())
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    parts = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert fed(protocol, *parts) == fed(protocol, stream)


@settings(
    deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damaged_streams_end_in_garbage_at_worst(protocol: ModuleType, data: st.DataObject) -> None:
    """Whatever is changed in it: nothing but ProtocolError is raised."""
    stream = bytearray(data.draw(st.one_of(st.sampled_from(protocol.STREAMS), protocol.streams())))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(stream)))
        width = data.draw(st.integers(0, 8))
        stream[at : at + width] = data.draw(st.binary(max_size=12))
    cut = data.draw(st.integers(0, len(stream)))
    fed(protocol, bytes(stream[:cut]), bytes(stream[cut:]))


@settings(
    deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(garbage=st.binary(min_size=1, max_size=4096))
def test_garbage_takes_little_memory(protocol: ModuleType, garbage: bytes) -> None:
    """A length that a stranger claims is not believed before the bytes are there."""
    log: list[Any] = []
    feed = protocol.new(log)
    tracemalloc.start()
    try:
        feed(garbage)
    except ProtocolError:
        pass
    finally:
        kept, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert kept < 65_536 + MOST_KEPT * len(garbage)
