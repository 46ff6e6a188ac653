"""A test run that is killed leaves no server behind."""

import os
import select
import signal
import subprocess
import sys

import pytest

from dovetail.embedded import child

PROGRAM = """
import asyncio, sys
from dovetail.embedded import child
from dovetail.testing import servers

async def main(kind, kernel_tells):
    child.KERNEL_TELLS = kernel_tells
    async with getattr(servers, kind)() as server:
        print(server.folder, server.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main(sys.argv[1], sys.argv[2] == "True"))
"""


@pytest.mark.parametrize("kind", ["NatsServer", "PostgresServer"])
@pytest.mark.parametrize("kernel_tells", sorted({child.KERNEL_TELLS, False}))
def test_server_ends_with_a_killed_parent(kind: str, kernel_tells: bool) -> None:
    command = [sys.executable, "-c", PROGRAM, kind, str(kernel_tells)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        folder, pid = parent.stdout.readline().split()
        parent.send_signal(signal.SIGKILL)
    wait_until_gone(int(pid))
    subprocess.run(["rm", "-rf", folder], check=True)


def wait_until_gone(pid: int) -> None:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    gone, _, _ = select.select([handle], [], [], 10)
    os.close(handle)
    assert gone, "still running ten seconds after its parent"
