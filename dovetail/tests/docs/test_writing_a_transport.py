"""The example of docs/writing-a-transport.md is installed and held to the suite."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dovetail.testing import TransportConformance

PAGE = Path(__file__).parents[3] / "docs" / "writing-a-transport.md"


def write_files(folder: Path) -> set[str]:
    """The page's blocks that begin with a file's name; returns the names."""
    blocks = re.findall(r"^```\w+\n# (\S+)\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    for name, text in blocks:
        (folder / name).write_text(text)
    return {name for name, _ in blocks}


def run(*command: str, folder: Path) -> str:
    """Of Python, where the example is installed; returns what it printed."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder / "installed")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_example_passes_the_suite(tmp_path: Path) -> None:
    names = write_files(tmp_path)
    assert names == {"pyproject.toml", "dovetail_signed.py", "test_signed.py"}
    offline = ("--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check")
    run("-m", "pip", "install", "-q", *offline, "--target", "installed", ".", folder=tmp_path)
    (tmp_path / "dovetail_signed.py").unlink()  # or the tests would take it from here
    table = ("-p", "dovetail.testing.table", "--conformance-table=table.md")
    # The tests wait more than they compute, so several run at a time.
    said = run("-m", "pytest", "-q", "-n4", *table, "test_signed.py", folder=tmp_path)
    lines = (tmp_path / "table.md").read_text().splitlines()
    assert lines[0] == "| theme | test | size | Signed |"
    assert re.fullmatch(r"\| all \|  \|  \| \d{3} passed, \d+ unsupported \|", lines[-1]), said
    assert "| unsupported: server |" in "\n".join(lines)


def test_length_of_the_model_is_what_it_is() -> None:
    (said,) = re.findall(
        r"`transports/memory/` for all of it in some (\d+) lines", PAGE.read_text()
    )
    files = (PAGE.parents[1] / "dovetail/src/dovetail/transports/memory").glob("*.py")
    assert sum(len(one.read_text().splitlines()) for one in files) == pytest.approx(
        int(said), abs=100
    )


def test_example_is_typed(tmp_path: Path) -> None:
    write_files(tmp_path)
    run("-m", "mypy", "--strict", "dovetail_signed.py", folder=tmp_path)


def test_tests_that_the_page_names_are_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE.read_text()))
    assert len(named) == 16
    assert not {name for name in named if not hasattr(TransportConformance, name)}
