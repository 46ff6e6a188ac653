"""Runs Prometheus's own checker."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from dovetail.testing.servers import ServerMissing

OBSERVABILITY = Path(__file__).parents[1] / "observability"
RULES = OBSERVABILITY / "prometheus" / "alerts.yml"


def promtool(*arguments: str | Path) -> None:
    """Fails with promtool's own words. Raises ServerMissing where there is none."""
    program = shutil.which("promtool")
    if program is None:
        raise ServerMissing("promtool was not found; on Debian: apt-get install prometheus")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
