"""Runs the contenders that measure themselves."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.contest import Contender, ContenderFailed, Values

ROOT = Path(__file__).parent.parent


def last_line(text: str) -> str:
    """Where a Python program says why it failed."""
    return (text.strip().splitlines() or ["without a word"])[-1]


async def run_contender(contender: Contender, url: str, *options: str) -> Values:
    """Run a contender in its own process; what it prints last are its values. Raises ContenderFailed."""
    values: Values = await run_program(contender.module, url, contender.variant, *options)
    return values


async def run_program(module: str, *arguments: str) -> Any:
    """Run a module in its own process; what it prints last is JSON. Raises ContenderFailed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await process.communicate()
    if process.returncode:
        raise ContenderFailed(last_line(errors.decode(errors="replace")))
    return json.loads(out.decode().strip().rsplit("\n", 1)[-1])
