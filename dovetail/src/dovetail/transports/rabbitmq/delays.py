"""How long to wait for the next attempt: in queues from which messages come back after a fixed time."""

from __future__ import annotations

#: In one queue all wait equally long, so that nobody waits behind another. What is to wait longer than one of
#: these waits in several, one after the other.
STEPS_MS: tuple[int, ...] = tuple(50 * 2**power for power in range(17))
#: A century, for who waits longer: AMQP has no larger numbers than some times have.
LONGEST_SECONDS = 100 * 365 * 86_400.0
#: Nobody minds being so much too early.
TOLERANCE_SECONDS = 0.01


def step_for(seconds: float) -> int:
    """The longest step that is not too long, in milliseconds; 0 for a time that is not worth waiting."""
    if seconds <= TOLERANCE_SECONDS:
        return 0
    limit = (seconds + TOLERANCE_SECONDS) * 1000
    return max([step for step in STEPS_MS if step <= limit], default=STEPS_MS[0])
