"""Runs the candidates that measure themselves."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.comparison import Candidate, CandidateFailed, Values

ROOT = Path(__file__).parent.parent


def last_line(text: str) -> str:
    """Where a Python program says why it failed."""
    return (text.strip().splitlines() or ["without a word"])[-1]


async def run_candidate(candidate: Candidate, url: str, *options: str) -> Values:
    """Run a candidate in its own process; what it prints last are its values. Raises CandidateFailed."""
    values: Values = await run_program(candidate.module, url, candidate.variant, *options)
    return values


async def run_program(module: str, *arguments: str) -> Any:
    """Run a module in its own process; what it prints last is JSON. Raises CandidateFailed."""
    return await run_python("-m", module, *arguments)


async def run_python(*arguments: str) -> Any:
    """As `run_program`, with the interpreter's own arguments."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *arguments),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await process.communicate()
    if process.returncode:
        raise CandidateFailed(last_line(errors.decode(errors="replace")))
    return json.loads(out.decode().strip().rsplit("\n", 1)[-1])
