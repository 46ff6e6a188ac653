"""How long to wait for the next attempt: in queues from which messages come back after a fixed time."""

from __future__ import annotations

#: In one queue all wait equally long, so that nobody waits behind another. What is to wait longer than one of
#: these waits in several, one after the other.
STEPS_MS: tuple[int, ...] = tuple(50 * 2**power for power in range(17))
#: Nobody minds being so much too early.
TOLERANCE_SECONDS = 0.01


def step_for(seconds: float) -> int:
    """The longest step that is not too long, in milliseconds; 0 for a time that is not worth waiting."""
    if seconds <= TOLERANCE_SECONDS:
        return 0
    limit = (seconds + TOLERANCE_SECONDS) * 1000
    return max([step for step in STEPS_MS if step <= limit], default=STEPS_MS[0])
