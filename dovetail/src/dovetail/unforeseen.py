"""What nobody foresaw in a task that runs in the background: it is logged, and the task goes on."""

from __future__ import annotations

import logging


class Unforeseen:
    """For one task. `doing` is what it does, as the log is to say it: "trimming the history"."""

    def __init__(self, log: logging.Logger, doing: str) -> None:
        self._log = log
        self._doing = doing
        self._told = ""

    def tell(self, error: Exception) -> None:
        """With its traceback; only once where the same comes again and again."""
        if (text := repr(error)) != self._told:
            self._told = text
            self._log.error(
                "%s failed in a way that nobody foresaw, trying on: %s",
                self._doing,
                text,
                exc_info=error,
            )
