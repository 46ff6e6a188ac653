"""wrk, the program that sends the requests."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from pathlib import Path

from benchmarks.comparison import CandidateFailed

HERE = Path(__file__).parent
CLIENTS = 64


def available() -> bool:
    """Whether wrk is there, or could be installed from the system's packages."""
    if shutil.which("wrk") is None:
        script = ". scripts/apt.sh && may_install && install_packages wrk"
        subprocess.run(["bash", "-c", script], cwd=HERE.parent, check=False)
    return shutil.which("wrk") is not None


async def post(url: str, seconds: int) -> dict[str, float]:
    """Send `POST /todo` from 64 keep-alive clients for so many seconds; latencies are in milliseconds."""
    process = await asyncio.create_subprocess_exec(
        *("wrk", "--threads=1", f"--connections={CLIENTS}", f"--duration={seconds}s"),
        *("--timeout=10s", f"--script={HERE / 'post.lua'}", url),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    if process.returncode:
        raise CandidateFailed(f"wrk ended with {process.returncode}")
    figures: dict[str, float] = json.loads(out.decode().strip().rsplit("\n", 1)[-1])
    return figures
