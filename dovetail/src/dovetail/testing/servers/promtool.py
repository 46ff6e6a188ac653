"""Prometheus' own tool, which checks metrics, rules and their tests."""

from __future__ import annotations

import asyncio
import shutil

from dovetail.testing.servers.process import ServerMissing


async def promtool(*arguments: str, stdin: str = "") -> tuple[int, str]:
    """Its exit code, and what it said: `await promtool("check", "metrics", stdin=text)`.

    Raises ServerMissing where it is not on this machine.
    """
    program = shutil.which("promtool")
    if program is None:
        raise ServerMissing("promtool was not found; on Debian: apt-get install prometheus")
    pipe, out = asyncio.subprocess.PIPE, asyncio.subprocess.STDOUT
    process = await asyncio.create_subprocess_exec(
        program, *arguments, stdin=pipe, stdout=pipe, stderr=out
    )
    said, _ = await process.communicate(stdin.encode())
    assert process.returncode is not None
    return process.returncode, said.decode()
