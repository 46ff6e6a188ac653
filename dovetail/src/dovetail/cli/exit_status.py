"""How a command ends other than by being done."""

from __future__ import annotations

#: Exit statuses, as shells have them: 128 and the signal's number.
INTERRUPTED = 130
OUTPUT_CLOSED = 141
TERMINATED = 143


class Ending(Exception):
    """Ends the command with this exit status, and these words on stderr unless they are empty."""

    def __init__(self, words: str, status: int = 1) -> None:
        super().__init__(words)
        self.status = status


class OutputClosed(Ending):
    """Nobody reads the output any more, as with `| head -1`."""

    def __init__(self) -> None:
        super().__init__("", OUTPUT_CLOSED)
