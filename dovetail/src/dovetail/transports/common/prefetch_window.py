"""How many messages a member should hold: what its handlers get through in half a second."""

from __future__ import annotations

from dovetail.limits import FIRST_WINDOW, IN_FLIGHT_BYTES, SLOW_SECONDS, WINDOW_SECONDS


class Window:
    """A bound that follows the speed of the handlers. Times are those of one clock, in seconds.

    Whoever uses it counts what comes in `came`.
    """

    def __init__(self, most: int) -> None:
        self.size = min(FIRST_WINDOW, most)
        #: Messages that came since `_counted_from`.
        self.came = 0
        self._most = most
        self._counted_from = 0.0

    def too_little(self, now: float) -> None:
        """The handlers could take more than there is: hold more from now on, if they were that fast."""
        fast = now - self._counted_from < WINDOW_SECONDS
        if fast and self.came < self.size:
            return
        if fast:
            self.size = min(self._most, self.size * 2)
        self.came, self._counted_from = 0, now

    def taken(self, waited: float) -> None:
        """The oldest message waited so long for a handler: hold less, if that was too long."""
        if waited > SLOW_SECONDS:
            self.size = max(1, self.size // 2)

    def room(self, held: int, held_bytes: int, asked: int = 0, idle: int = 0) -> int:
        """How many to ask for, beyond those asked for already; 0 where it is not worth a request.

        At least one for each of `idle` handlers, however slow the others are.
        """
        room = min(max(self.size, held + idle), self._most) - held - asked
        if held_bytes >= IN_FLIGHT_BYTES or (asked and room * 2 < self.size):
            return 0
        return max(0, room)
