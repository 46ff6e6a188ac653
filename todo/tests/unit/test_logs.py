"""How log lines look, and where they go."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Literal

import pytest

from todo import logs
from todo.settings import Settings
from todo.up.output import Output, OutputHandler


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Puts back what `configure` changes."""
    loggers = [logging.getLogger(name) for name in ("", "uvicorn", "alembic", "todo.audit")]
    before = [(one, one.handlers[:], one.level, one.propagate) for one in loggers]
    yield
    for logger, handlers, level, propagate in before:
        logger.handlers[:], logger.propagate = handlers, propagate
        logger.setLevel(level)


def test_text_has_time_level_and_message(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(), "web")
    logging.getLogger("todo").info("saved %s", "x")
    logging.getLogger("todo").debug("too much")
    captured = capsys.readouterr()
    assert re.fullmatch(r"\d\d:\d\d:\d\d info saved x\n", captured.err)
    assert captured.out == ""


def test_the_level_can_be_set(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log_level="warning"), "web")
    logging.getLogger("todo").info("not this")
    logging.getLogger("todo").warning("but this")
    assert "not this" not in (text := capsys.readouterr().err)
    assert "but this" in text


def test_json_has_one_object_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log_format="json"), "web")
    try:
        int("one")
    except ValueError:
        logging.getLogger("todo.x").exception("it failed: %s", "ü")
    line = json.loads(capsys.readouterr().err)
    assert line["component"] == "web"
    assert (line["level"], line["logger"], line["message"]) == ("error", "todo.x", "it failed: ü")
    assert line["error"].startswith("Traceback")
    assert "ValueError: invalid literal" in line["error"]
    assert line["time"].endswith("Z")


@pytest.mark.parametrize("level", ["info", "error"])
def test_the_audit_is_pure_text_on_stdout(capsys: pytest.CaptureFixture[str], level: str) -> None:
    logs.configure(Settings(log_level=level), "audit-handler")  # type: ignore[arg-type]
    logging.getLogger("todo.audit").info("AUDIT @ %s: %s", "now", "x")
    captured = capsys.readouterr()
    assert captured.out == "AUDIT @ now: x\n"
    assert captured.err == ""


EVIL = "x\n12:00:00 info forged\r\x1b[2K\x9b31m\x85\u202e\u2028AUDIT @ never: forged \ud800"


@pytest.mark.parametrize("name", ["todo.save-handler", "todo.audit", "uvicorn.error"])
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_what_came_in_a_message_forges_no_line(
    capsys: pytest.CaptureFixture[str], name: str, log_format: Literal["text", "json"]
) -> None:
    logs.configure(Settings(log_format=log_format), "save-handler")
    error = ValueError(EVIL) if name != "todo.audit" else None
    logging.getLogger(name).error("received %s", EVIL, exc_info=error)
    written = "".join(capsys.readouterr())
    first, *below = written.splitlines()
    assert "received x\\n12:00:00 info forged\\r\\" in first
    assert all(line.startswith("  ") for line in below)
    assert not [one for one in written if one != "\n" and not one.isprintable()]
    if log_format == "json":
        assert not below
        assert json.loads(first)["message"] == f"received {EVIL}"


def test_a_terminal_without_unicode_shows_every_text() -> None:
    script = (
        "import logging, todo.logs as logs, todo.settings as s; logs.configure(s.Settings(), 'x')"
    )
    script += "; logging.getLogger('todo.audit').info('für 📚')"
    environment = dict(os.environ) | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, env=environment, check=True
    )
    assert (done.stdout, done.stderr) == (b"f\\xfcr \\U0001f4da\n", b"")


def test_what_a_child_writes_past_its_log_is_escaped() -> None:
    stream = io.BytesIO()
    output = Output(["web"], prefixes=True, colours=False)
    output.line("web", b"\x1b[2Kqueue | forged\r\xff\xc2\x9b \xe2\x80\xae", stream)
    assert stream.getvalue() == b"web | \\x1b[2Kqueue | forged\\r\\xff\\x9b \\u202e\n"


def test_the_lines_of_many_processes_carry_their_names() -> None:
    stream = io.BytesIO()
    output = Output(["web", "queue", "todo"], prefixes=True, colours=False)
    output.line("web", "grüß dich".encode(), stream)
    output.line("queue", b"hello", stream)
    assert stream.getvalue().decode() == "web   | grüß dich\nqueue | hello\n"


def test_names_may_have_colours_or_be_left_out() -> None:
    stream = io.BytesIO()
    Output(["web"], prefixes=True, colours=True).line("web", b"x", stream)
    Output(["web"], prefixes=False, colours=True).line("web", b"x", stream)
    assert stream.getvalue() == b"\x1b[36mweb |\x1b[0m x\nx\n"


def test_the_supervisor_s_own_lines_are_among_them(capfd: pytest.CaptureFixture[str]) -> None:
    output = Output(["todo", "queue"], prefixes=True, colours=False)
    handler = OutputHandler(output, logging.Formatter())
    for name in ("todo.up", "dovetail.embedded"):
        handler.handle(logging.LogRecord(name, logging.INFO, "", 0, "a\nb", None, None))
    assert capfd.readouterr().err == "todo  | a\ntodo  | b\nqueue | a\nqueue | b\n"
