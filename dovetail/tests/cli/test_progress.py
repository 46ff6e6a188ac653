"""How far a command is, on stderr: in place on a terminal, or a line every few seconds."""

from __future__ import annotations

import time

import pytest

from dovetail.cli.progress import Progress


class Clock:
    """Each time it is asked for, so many seconds have passed."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.now = 0.0

    def __call__(self) -> float:
        self.now += self.seconds
        return self.now


@pytest.fixture
def progress(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Progress:
    monkeypatch.setattr(time, "monotonic", Clock(1.0))
    monkeypatch.setattr("sys.stderr.isatty", lambda: request.param, raising=False)
    return Progress("Replaying", 1000)


@pytest.mark.parametrize("progress", [False], indirect=True)
def test_lines_every_few_seconds(progress: Progress, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(10):
        progress(range(100))
    progress.end()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("Replaying: 200 of 1,000, about ")
    assert len(lines) == 2
    assert progress.done == 1000


@pytest.mark.parametrize("progress", [True], indirect=True)
def test_in_place_on_a_terminal(progress: Progress, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(10):
        progress(range(100))
    progress.end()
    written = capsys.readouterr().err
    assert written.count("\r") > 5
    assert written.endswith("\n")
    assert written.count("\n") == 1
    assert "Replaying: 1,000 of 1,000" in written.rpartition("\r")[2]


@pytest.mark.parametrize("progress", [False, True], indirect=True)
def test_nothing_of_what_is_done_at_once(
    progress: Progress, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 1.5)
    progress(range(1000))
    progress.end()
    assert capsys.readouterr().err == ""
