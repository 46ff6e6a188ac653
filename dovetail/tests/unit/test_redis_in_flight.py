"""What a member on Redis holds."""

from __future__ import annotations

from dovetail.limits import IN_FLIGHT_BYTES
from dovetail.transports.redis.in_flight import InFlight

STREAM = "stream"


async def test_what_is_delivered_twice_takes_its_room_once() -> None:
    """As by a server that has lost what it delivered last, and delivers it again."""
    in_flight = InFlight("events.large", [STREAM], prefetch=10)
    large = [(b"1-0", [b"body", bytes(IN_FLIGHT_BYTES)])]
    in_flight.put(STREAM, large)
    assert in_flight.room() == 0
    in_flight.put(STREAM, large)
    first, again = in_flight.buffer.drain()
    assert in_flight.settled(first)
    assert not in_flight.settled(again)
    assert in_flight.room() > 0
