"""Reads a page of exercises: its `console` blocks, each in one of several terminals.

    ```console
    # app
    $ todo up
    todo | 12:30:01 info …
    ^C
    ```

`# app` names the terminal; without it, it is the reader's own, where each command ends before the next.
In the others a command runs on: a later block there shows what it says next. After `$` stands what is
typed, after `>` more of it; `^C` is Ctrl-C; the rest is shown. How that is compared is in `shown.py`.
`<!-- in any order -->` before a block is for the lines of several processes, `<!-- in a moment -->` for
commands that a reader repeats until they show this.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

#: The reader's own terminal.
OWN = ""
IN_ANY_ORDER, IN_A_MOMENT = "in any order", "in a moment"
_BLOCK = re.compile(
    rf"^(?:<!-- (?P<how>{IN_ANY_ORDER}|{IN_A_MOMENT}) -->\n)?```console\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass
class Step:
    """Something typed into a terminal, or nothing, and what is shown from then on."""

    terminal: str
    #: Where the page has it.
    line: int
    command: str | None = None
    shown: list[str] = field(default_factory=list)
    #: IN_ANY_ORDER or IN_A_MOMENT, where one is said before the block.
    how: str | None = None
    #: What is shown after Ctrl-C; None where none is pressed.
    after_interrupt: list[str] | None = None


def read(page: Path) -> list[Step]:
    """The steps in their order."""
    text = page.read_text()
    return [
        step
        for block in _BLOCK.finditer(text)
        for step in _steps(block, text.count("\n", 0, block.start("text")) + 1)
    ]


def _steps(block: re.Match[str], first: int) -> Iterator[Step]:
    """The steps of a block whose text begins on this line of the page."""
    lines = block["text"].splitlines()
    terminal = lines[0].removeprefix("# ") if lines[0].startswith("# ") else OWN
    if terminal != OWN:
        del lines[0]
        first += 1
    step = Step(terminal, first, how=block["how"])
    for number, line in enumerate(lines, first):
        if line.startswith("$ "):
            if number > step.line:
                yield step
            step = Step(terminal, number, line[2:], how=step.how)
        elif line.startswith("> ") and step.command is not None:
            step.command += f"\n{line[2:]}"
        elif line == "^C":
            step.after_interrupt = []
        elif step.after_interrupt is not None:
            step.after_interrupt.append(line)
        else:
            step.shown.append(line)
    yield step
