"""docs/guarantees.md names tests: each of them exists, where the page says."""

from __future__ import annotations

import re
from pathlib import Path

from dovetail.transports.nats import handshake as nats
from dovetail.transports.rabbitmq import handshake as rabbitmq
from dovetail.transports.redis import handshake as redis

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


def test_versions_are_those_that_are_looked_for() -> None:
    table = PAGE.partition("## Which servers\n")[2].partition("\n## ")[0]
    refused = dict(re.findall(r"^\| (\w+) \| (\d+\.\d+) \|", table, re.MULTILINE))
    assert refused == {
        "NATS": dotted(nats.OLDEST_SERVER),
        "Redis": dotted(redis.OLDEST_SERVER),
        "RabbitMQ": dotted(rabbitmq.OLDEST_SERVER),
    }
    for version in nats.MENDED_SERVERS:
        assert dotted(version) in table


def dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def test_links_lead_somewhere() -> None:
    """Of every page: a file that is there, and a heading in it."""
    for page in [ROOT / "README.md", *ROOT.glob("*/**/*.md")]:
        if ".venv" in page.parts or "node_modules" in page.parts:
            continue
        for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
            target, _, heading = link.partition("#")
            if "://" in target:
                continue
            file = (page.parent / target) if target else page
            assert file.exists(), f"{page.name}: {link}"
            assert not heading or heading in headings(file), f"{page.name}: {link}"


def headings(page: Path) -> set[str]:
    """As links name them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in titles}


def test_every_promise_is_in_the_first_table() -> None:
    table = PAGE.partition("## Promise by promise\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| (\d)\. ", table, re.MULTILINE) == [str(one) for one in PROMISES]
