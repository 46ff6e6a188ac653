"""docs/guarantees.md names tests: each of them exists, where the page says."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "guarantees.md").read_text()
SUITE = ROOT / "dovetail" / "src" / "dovetail" / "testing" / "conformance"
PROMISES = range(1, 10)


def defined_in(*files: Path) -> set[str]:
    """The tests that these files define."""
    return {
        name
        for file in files
        for name in re.findall(r"^ *(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)
    }


def rows() -> list[list[str]]:
    """The cells of the table of tests: a promise's number, the suite, what is beyond it."""
    table = PAGE.partition("## The tests\n")[2].partition("\n## ")[0]
    lines = [line for line in table.splitlines() if re.match(r"\| \d", line)]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def named(cell: str) -> set[str]:
    """The tests that a cell names, not their files."""
    return set(re.findall(r"`(test_\w+)`", cell))


def test_every_promise_has_tests_of_the_suite() -> None:
    suite = defined_in(*SUITE.glob("*.py"))
    assert [int(row[0]) for row in rows()] == list(PROMISES)
    for _, of_the_suite, _ in rows():
        assert named(of_the_suite)
        assert named(of_the_suite) <= suite


def test_the_others_are_in_the_files_that_are_named() -> None:
    for _, _, beyond in rows():
        files = [ROOT / path for path in re.findall(r"`(\w\S*/\S+\.py)`", beyond)]
        assert named(beyond) <= defined_in(*files)


def test_every_promise_is_in_the_first_table() -> None:
    table = PAGE.partition("## Promise by promise\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| (\d)\. ", table, re.MULTILINE) == [str(one) for one in PROMISES]
