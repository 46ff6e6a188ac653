"""A pytest plugin: the conformance suite's tests and transports, from one run, as Markdown.

`pytest -p dovetail.testing.table --conformance-table=- tests/transports` prints it; a path instead of `-`
writes it to that file. A cell is "passed", "unsupported: " and the feature, "failed", or "skipped"; a test
with parameters counts once for each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest

from dovetail.testing.conformance.base import UNSUPPORTED, Conformance
from dovetail.testing.conformance.sizes import size_of

_PROPERTY = "conformance"


class Row(NamedTuple):
    """One test of the suite. `place` is where it stands there."""

    place: int
    theme: str
    test: str
    size: str


class Table:
    """What came of each test with each transport."""

    def __init__(self) -> None:
        self.rows: dict[Row, dict[str, Counter[str]]] = {}

    def add(self, row: Row, transport: str, outcome: str) -> None:
        """One outcome more."""
        self.rows.setdefault(row, {}).setdefault(transport, Counter())[outcome] += 1

    def lines(self) -> Iterator[str]:
        """Markdown, in the order of the suite, and then the totals."""
        transports = sorted({one for cells in self.rows.values() for one in cells})
        yield _line(["theme", "test", "size", *transports])
        yield _line(["---"] * (3 + len(transports)))
        totals: dict[str, Counter[str]] = {one: Counter() for one in transports}
        for row, cells in sorted(self.rows.items(), key=lambda item: item[0]):
            yield _line([*row[1:], *(_cell(cells.get(one, Counter())) for one in transports)])
            for transport, outcomes in cells.items():
                for outcome, count in outcomes.items():
                    totals[transport][outcome.partition(":")[0]] += count
        yield _line(["all", "", "", *(_total(totals[one]) for one in transports)])


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(outcomes: Counter[str]) -> str:
    several = sum(outcomes.values()) > 1
    return ", ".join(
        f"{outcome} ({count})" if several else outcome for outcome, count in outcomes.items()
    )


def _total(outcomes: Counter[str]) -> str:
    return ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())


class _Collecting:
    def __init__(self, path: str) -> None:
        self.table = Table()
        self._path = path

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties:
            if name == _PROPERTY and (outcome := _outcome(report)):
                *row, transport = cast(tuple[Any, ...], value)
                self.table.add(Row(*row), transport, outcome)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._path == "-":
            terminalreporter.section("conformance")
            for line in self.table.lines():
                terminalreporter.write_line(line)
        else:
            Path(self._path).write_text("\n".join(self.table.lines()) + "\n", encoding="utf-8")


def _outcome(report: pytest.TestReport) -> str:
    """Empty where this phase of the test says nothing new."""
    if report.failed:
        return "failed" if report.when == "call" else f"failed in {report.when}"
    if report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        return reason.removeprefix("Skipped: ") if UNSUPPORTED in reason else "skipped"
    return report.outcome if report.when == "call" else ""


def pytest_addoption(parser: pytest.Parser) -> None:
    """One option."""
    parser.addoption(
        "--conformance-table",
        metavar="FILE",
        help="write the conformance suite's tests and transports as a Markdown table; - prints it",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Collect where the reports of all processes come together."""
    path = config.getoption("--conformance-table")
    if path and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Collecting(path), "conformance-table")


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Note on each test of the suite what the table says of it, also where xdist carries the reports."""
    suite = Conformance.__module__.rpartition(".")[0]
    places: dict[type, dict[str, int]] = {}
    for item in items:
        if not isinstance(item, pytest.Function) or item.cls is None:
            continue
        test, cls = item.function, item.cls
        if issubclass(cls, Conformance) and test.__module__.startswith(suite):
            theme = test.__qualname__.partition(".")[0]
            names = places.setdefault(cls, {})
            themes = [base.__name__ for base in cls.__mro__]
            place = themes.index(theme) * 1000 + names.setdefault(test.__name__, len(names))
            words = test.__name__.removeprefix("test_").replace("_", " ")
            about = (place, theme, words, size_of(test), cls.__name__.removeprefix("Test"))
            item.user_properties.append((_PROPERTY, about))
