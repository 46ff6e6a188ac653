"""The tests of docs/testing-handlers.md pass, and are typed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "testing-handlers.md"
FILES = {"shop.py", "test_shop.py", "check_shop.py", "test_real.py"}
INI = "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the page's programs."""
    folder = tmp_path_factory.mktemp("shop")
    blocks = re.findall(
        r"^```python\n# (\S+)\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE
    )
    assert {name for name, _ in blocks} == FILES
    for name, text in blocks:
        (folder / name).write_text(text)
    (folder / "pytest.ini").write_text(INI)
    return folder


def said(folder: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_with_pytest(folder: Path) -> None:
    assert "7 passed" in said(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider")


def test_without_pytest(folder: Path) -> None:
    assert said(folder, "check_shop.py").rstrip().endswith("OK")


def test_typed(folder: Path) -> None:
    said(folder, "-m", "mypy", "--strict", *sorted(FILES))
