"""Someone who does what a page says, and checks that it shows what they see."""

from __future__ import annotations

import os
import re
import sys
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from dovetail.embedded.ports import free_port

from .page import IN_A_MOMENT, IN_ANY_ORDER, OWN, Step
from .shown import beginning, in_any_order, is_all
from .terminal import PATIENCE, Terminal

#: The settings of ports, with what they are in the page.
PORTS = {
    "TODO_WEB_PORT": "8080",
    "TODO_API_PORT": "8081",
    "TODO_QUEUE_PORT": "4222",
    "TODO_QUEUE_MONITOR_PORT": "8222",
}


class Reader:
    """Has as many terminals as the page names; uses free ports, and other names where they are given.

    `names` has what the page says (a folder, a network), and what it is here.
    """

    def __init__(
        self,
        folder: Path,
        names: Mapping[str, str],
        settings: Mapping[str, str] | None = None,
        patience: float = PATIENCE,
    ) -> None:
        ports = {known: str(free_port()) for known in PORTS.values()}
        self._commands = {
            rf"localhost:{known}": f"localhost:{here}" for known, here in ports.items()
        }
        self._commands |= {
            rf"(?<![\w-]){re.escape(known)}(?![\w-])": here for known, here in names.items()
        }
        self._said = {rf"\b{here}\b": known for known, here in ports.items()}
        self._said |= {re.escape(here): known for known, here in names.items()}
        self._patience = patience
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("TODO_", "DOVETAIL_", "COLUMNS", "LINES"))
        }
        environment["TERM"] = "xterm"
        environment |= settings or {}
        environment |= {name: ports[known] for name, known in PORTS.items()}
        environment["PATH"] = os.pathsep.join(
            [str(Path(sys.executable).parent), os.environ["PATH"]]
        )
        self._terminals: defaultdict[str, Terminal] = defaultdict(
            lambda: Terminal(environment, folder, self._as_in_page, patience)
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for terminal in reversed(self._terminals.values()):
            await terminal.discard()

    @property
    def busy(self) -> list[str]:
        """The terminals in which something runs."""
        return [name for name, terminal in self._terminals.items() if terminal.busy]

    async def do(self, step: Step) -> None:
        """Type what the step says, and compare; AssertionError where the page shows something else."""
        terminal = self._terminals[step.terminal]
        if step.command is not None:
            assert not terminal.busy, f"line {step.line}: a command runs in this terminal already"
            await terminal.start(self._as_here(step.command))
        if step.terminal == OWN:
            as_shown = await self._shown_by_its_end(step, terminal)
        elif step.after_interrupt is None:
            as_shown = await _so_far(step, terminal)
        else:
            as_shown = await _interrupted(step, terminal)
        assert as_shown, _difference(step, terminal)

    async def _shown_by_its_end(self, step: Step, terminal: Terminal) -> bool:
        until = time.monotonic() + (self._patience if step.how == IN_A_MOMENT else 0)
        while await terminal.end():
            if _whole(step, terminal):
                return True
            if time.monotonic() > until:
                return False
            assert step.command is not None
            await terminal.start(self._as_here(step.command))
        return False

    def _as_here(self, command: str) -> str:
        """The command with the ports and names that are used here."""
        return _replaced(command, self._commands)

    def _as_in_page(self, said: str) -> str:
        """What was said, with the page's ports and names."""
        return _replaced(said, self._said)


def _replaced(text: str, words: Mapping[str, str]) -> str:
    for pattern, word in words.items():
        text = re.sub(pattern, lambda _, word=word: word, text)  # type: ignore[misc]
    return text


def _whole(step: Step, terminal: Terminal) -> bool:
    if step.how == IN_ANY_ORDER:
        return in_any_order(step.shown, terminal.unseen) == len(terminal.unseen)
    return is_all(step.shown, terminal.unseen)


async def _so_far(step: Step, terminal: Terminal) -> bool:
    compare = in_any_order if step.how == IN_ANY_ORDER else beginning
    if not await terminal.until(lambda: compare(step.shown, terminal.unseen) is not None):
        return False
    terminal.look_past(compare(step.shown, terminal.unseen) or 0)
    return True


async def _interrupted(step: Step, terminal: Terminal) -> bool:
    if not await terminal.until(lambda: beginning(step.shown, terminal.unseen) is not None):
        return False
    terminal.interrupt()
    after = step.after_interrupt or []
    return await terminal.end() and is_all([*step.shown, *after], terminal.unseen)


def _difference(step: Step, terminal: Terminal) -> str:
    after = [] if step.after_interrupt is None else ["^C", *step.after_interrupt]
    return "\n".join(
        [
            f"line {step.line}, terminal {step.terminal or 'of the reader'}: {step.command or ''}",
            "--- the page shows",
            *step.shown,
            *after,
            "--- it said",
            terminal.unseen,
        ]
    )
