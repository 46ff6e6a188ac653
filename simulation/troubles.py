"""When hosts and the queue were away, and for how long that matters."""

from __future__ import annotations

from collections import defaultdict
from math import inf

from simulation.history import History
from simulation.scenario import QUEUE

#: For so many seconds after a host is back, what kept it away may still matter: its connection may be lost
#: only then.
MATTERS_SECONDS = 6.0


class Troubles:
    """The times in which each host, and the queue, was frozen, cut off or gone."""

    def __init__(self, history: History) -> None:
        self._times: dict[str, list[tuple[float, float]]] = defaultdict(list)
        began: dict[str, list[float]] = defaultdict(list)
        for one in history.of("frozen", "cut", "thawed", "healed", "killed"):
            if one.what in ("frozen", "cut"):
                began[one.host].append(one.at)
            elif one.what == "killed":
                self._times[one.host].append((one.at, inf))
            elif began[one.host]:
                self._times[one.host].append((began[one.host].pop(0), one.at))
        for host, starts in began.items():
            self._times[host] += ((start, inf) for start in starts)

    def between(self, host: str, start: float, end: float) -> bool:
        """Whether something in this time was in the way from the host to the queue, or may have been."""
        times = (*self._times.get(host, ()), *self._times.get(QUEUE, ()))
        return any(start <= last + MATTERS_SECONDS and first <= end for first, last in times)
