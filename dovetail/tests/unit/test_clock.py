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
FORBIDDEN = {
    "time": {"monotonic", "monotonic_ns", "time", "time_ns", "perf_counter", "sleep"},
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
    "os": {"urandom", "getrandom"},
    "uuid": {"uuid1", "uuid4"},
}
FORBIDDEN_MODULES = {"random", "secrets"}


def offences(source: str) -> list[str]:
    """What the source reads elsewhere, with its line."""
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(value=ast.Name(id=module), attr=name) if name in FORBIDDEN.get(
                module, ()
            ):
                found.append(f"{node.lineno}: {module}.{name}")
            case ast.Import(names=names) if any(one.name in FORBIDDEN_MODULES for one in names):
                found.append(f"{node.lineno}: {names[0].name}")
            case ast.ImportFrom(module=module, names=names) if module in FORBIDDEN_MODULES or any(
                one.name in FORBIDDEN.get(module or "", ()) for one in names
            ):
                found.append(f"{node.lineno}: {module}")
    return found


def test_nobody_else_reads_the_clock() -> None:
    files = [one for one in ROOT.rglob("*.py") if not str(one.relative_to(ROOT)).startswith(EXEMPT)]
    assert len(files) > 100
    found = {str(one.relative_to(ROOT)): offences(one.read_text()) for one in files}
    assert not {name: lines for name, lines in found.items() if lines}


def test_what_is_forbidden_is_found() -> None:
    source = "import random\nfrom time import monotonic\nnow = datetime.now()\nid = uuid.uuid4()"
    assert len(offences(source)) == 4


def test_the_present_time_has_its_zone() -> None:
    assert abs(clock.now().timestamp() - clock.time_ns() / 1e9) < 1
    assert clock.now().utcoffset() is not None


def test_a_seed_gives_the_same_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_chance", random.Random())  # not that of the other tests
    clock.seed(7)
    drawn = [clock.fraction() for _ in range(3)], clock.shuffled(range(10))
    clock.seed(7)
    assert drawn == ([clock.fraction() for _ in range(3)], clock.shuffled(range(10)))
