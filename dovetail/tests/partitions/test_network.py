"""Hosts that hear each other, or do not."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from benchmarks.partitions.network import Host, Network, NetworkFailed

#: Heavy, since each network removes what killed runs have left, and so does one of another test.
pytestmark = [pytest.mark.heavy, pytest.mark.usefixtures("hosts_permitted")]

_SEND = """
import socket, sys, time
with socket.socket(type=socket.SOCK_DGRAM) as one:
    while True:
        one.sendto(b"", (sys.argv[1], 7))
        time.sleep(0.01)
"""
_HEAR = """
import socket, sys
with socket.socket(type=socket.SOCK_DGRAM) as one:
    one.bind((sys.argv[1], 7))
    while True:
        print(one.recvfrom(1)[1][0], flush=True)
"""


@asynccontextmanager
async def program(host: Host, code: str, *words: str) -> AsyncIterator[asyncio.StreamReader]:
    """What it prints, until the context is left."""
    process = await asyncio.create_subprocess_exec(
        *host.command(sys.executable, "-I", "-S", "-c", code, *words),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        process.kill()
        await process.communicate()


async def heard(network: Network, target: Host, wanted: set[str]) -> set[str]:
    """Whom it hears, by name, once it has heard each of these three times: all send all the time."""
    names = {host.address: host.name for host in network.hosts.values()}
    times = Counter[str]()
    async with AsyncExitStack() as stack, asyncio.timeout(20):
        printed = await stack.enter_async_context(program(target, _HEAR, target.address))
        for host in network.hosts.values():
            await stack.enter_async_context(program(host, _SEND, target.address))
        while any(times[name] < 3 for name in wanted):
            times[names[(await printed.readline()).decode().strip()]] += 1
    return set(times)


async def test_cut_in_one_direction_and_healed() -> None:
    async with Network("a", "b", "c") as network:
        a, b, _ = network.hosts.values()
        everyone = {"a", "b", "c"}
        assert await heard(network, b, everyone) == everyone
        await network.cut([("a", "b")])
        assert await heard(network, b, {"b", "c"}) == {"b", "c"}
        assert await heard(network, a, everyone) == everyone
        await network.cut([("c", "b")])
        assert await heard(network, b, {"a", "b"}) == {"a", "b"}
        await network.heal()
        assert await heard(network, b, everyone) == everyone


async def test_nothing_is_left_and_nothing_of_the_machine_changes() -> None:
    async def fail_within() -> None:
        async with Network("a", "b") as network:
            assert len(ours()) == 3
            assert network.hosts["a"].address not in of_the_machine()
            await network.cut([("nobody", "b")])

    with pytest.raises(KeyError, match="nobody"):
        await fail_within()
    assert not ours()
    with pytest.raises(NetworkFailed, match="ip netns add"):
        async with Network("a", "no/name"):
            pass
    assert not ours()


def ours() -> list[str]:
    """The namespaces of this process's networks."""
    names = subprocess.check_output(["ip", "netns"], text=True).split()
    return [name for name in names if f"-{os.getpid()}-" in name]


def of_the_machine() -> str:
    """Its own addresses and routes."""
    looks = (["ip", "address"], ["ip", "route"])
    return "".join(subprocess.check_output(look, text=True) for look in looks)


async def test_what_a_killed_run_left_is_removed_by_the_next() -> None:
    namespace = killed_run()
    assert is_there(namespace)
    async with Network("a"):
        assert not is_there(namespace)


def killed_run() -> str:
    """The namespace of a host that is left of it."""
    code = """
import asyncio, os, signal
from benchmarks.partitions.network import Network
async def main():
    async with Network("a") as network:
        print(network.hosts["a"].namespace, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    return done.stdout.strip()


def is_there(namespace: str) -> bool:
    return Path("/run/netns", namespace).exists()
