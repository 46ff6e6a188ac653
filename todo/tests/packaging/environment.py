"""Environments that have nothing but what a test puts there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path

ROOT = Path(__file__).parents[3]
_OURS = Path(sysconfig.get_path("purelib"))


def locked() -> list[str]:
    """Every package of the lock that is for this machine."""
    names = re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    return [name for name in names if _is_installed(name)]


def _is_installed(name: str) -> bool:
    return any(_OURS.glob(f"{name.replace('-', '[-_]')}-*.dist-info"))


class Environment:
    """What `python -m venv` makes, in a folder of its own; pip is that of the tests."""

    def __init__(self, folder: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        self.commands = folder / "bin"
        (self._packages,) = folder.glob("lib/python*/site-packages")

    def link(self, names: Iterable[str]) -> None:
        """Have these packages, as they were installed here, by their hashes, from the lock."""
        for name in names:
            for file in distribution(name).files or ():
                self._link(Path(*file.parts))

    def install(self, *wheels: Path) -> None:
        """`pip install`, and fail where something is missing of what the packages say they need."""
        self._pip("install", "-q", "--no-index", *wheels)

    def run(self, command: str, *arguments: str, folder: Path) -> str:
        """What it prints; it must succeed, and complain of nothing."""
        return _output(self.commands / command, *arguments, folder=folder)

    def _link(self, file: Path) -> None:
        if file.parts[0] == "..":  # a command
            target, source = self.commands / file.name, _OURS / file
        else:
            target, source = self._packages / file.parts[0], _OURS / file.parts[0]
        if not target.exists() and source.name != "__pycache__":
            target.symlink_to(source)

    def _pip(self, *arguments: str | Path) -> None:
        pip = ("-m", "pip", "--disable-pip-version-check", "--python", self.commands / "python")
        _output(sys.executable, *pip, *arguments)


def _output(*command: str | Path, folder: Path | None = None) -> str:
    # without what would lead to our sources, or to another place for wheels
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "PIP_", "TODO_", "DOVETAIL_"))
    }
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout
