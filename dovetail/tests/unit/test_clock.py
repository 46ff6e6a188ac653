"""The library reads the time, and draws what is random, in one module."""

from __future__ import annotations

import ast
import random
from pathlib import Path

import pytest

import dovetail
from dovetail import clock

ROOT = Path(dovetail.__file__).parent
#: Processes and people live in real time.
EXEMPT = ("clock.py", "cli/", "embedded/", "testing/")
FORBIDDEN_MODULES = {"time", "random", "secrets"}
#: Of whatever module or class, under whatever name.
FORBIDDEN_NAMES = {
    *("now", "utcnow", "today"),
    *("urandom", "getrandom", "getpid"),
    *("uuid1", "uuid4", "uuid6", "uuid7"),
    "Timer",
}


def offences(source: str) -> list[str]:
    """What the source reads elsewhere, with its line."""
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(value=ast.Name(id="clock")):
                pass
            case ast.Attribute(attr=name) if name in FORBIDDEN_NAMES:
                found.append(f"{node.lineno}: {name}")
            case ast.Import(names=names) if any(one.name in FORBIDDEN_MODULES for one in names):
                found.append(f"{node.lineno}: {names[0].name}")
            case ast.ImportFrom(module=module, names=names) if module in FORBIDDEN_MODULES or any(
                one.name in FORBIDDEN_NAMES for one in names
            ):
                found.append(f"{node.lineno}: {module}")
    return found


def test_nobody_else_reads_the_clock() -> None:
    files = [one for one in ROOT.rglob("*.py") if not str(one.relative_to(ROOT)).startswith(EXEMPT)]
    assert len(files) > 100
    found = {str(one.relative_to(ROOT)): offences(one.read_text()) for one in files}
    assert not {name: lines for name, lines in found.items() if lines}


@pytest.mark.parametrize(
    "source",
    [
        "import random",
        "import time as t",
        "from time import monotonic",
        "now = datetime.now()",
        "import datetime as d; d.datetime.utcnow()",
        "from datetime import datetime as D; D.today()",
        "id = uuid.uuid4()",
        "from uuid import uuid7",
        "os.urandom(8)",
        "threading.Timer(1, work)",
    ],
)
def test_what_is_forbidden_is_found(source: str) -> None:
    assert len(offences(source)) == 1


def test_the_present_time_has_its_zone() -> None:
    assert abs(clock.now().timestamp() - clock.time_ns() / 1e9) < 1
    assert clock.now().utcoffset() is not None


def test_a_seed_gives_the_same_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_chance", random.Random())  # not that of the other tests
    clock.seed(7)
    drawn = [clock.fraction() for _ in range(3)], clock.shuffled(range(10))
    clock.seed(7)
    assert drawn == ([clock.fraction() for _ in range(3)], clock.shuffled(range(10)))
