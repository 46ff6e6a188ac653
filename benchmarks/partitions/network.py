"""Hosts on this machine that can be cut off from each other: network namespaces, joined by a bridge.

The bridge has a namespace of its own as well, so that no address, route or device of the machine changes,
and what is left of a run that was killed is removed by the next one.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

#: Ordered pairs of names: what the first sends does not reach the second.
Cuts = frozenset[tuple[str, str]]

#: The last number of an address is that of the host.
_SUBNET = "10.213.0"
_PREFIX = "dovetail-net"
_NAMED = Path("/run/netns")

_networks = count()


class NetworkFailed(Exception):
    """`ip` or `nft` did not do what it was told; the text has what it said."""


class Host:
    """One of a network, with an address that only the others of its network reach."""

    def __init__(self, name: str, namespace: str, number: int) -> None:
        self.name = name
        self.namespace = namespace
        self.address = f"{_SUBNET}.{number}"

    def command(self, *words: str) -> list[str]:
        """The command line that runs this program there. The process that it starts becomes the program."""
        return ["ip", "netns", "exec", self.namespace, *words]


class Network:
    """Hosts with these names, which all hear each other until they are cut off.

    An async context manager. Leaving it removes the hosts; their processes must have ended, or else go on
    without a network.
    """

    def __init__(self, *names: str) -> None:
        prefix = f"{_PREFIX}-{os.getpid()}-{next(_networks)}"
        self.hosts = {
            name: Host(name, f"{prefix}-{name}", number) for number, name in enumerate(names, 1)
        }
        self._bridge = f"{prefix}.bridge"  # no host's name has a dot before it
        self._cuts: Cuts = frozenset()

    async def cut(self, cuts: Iterable[tuple[str, str]]) -> None:
        """Drop what is sent from the first of each pair to the second, and nothing else."""
        wanted = frozenset(cuts)
        for host in self.hosts.values():
            if _to(host.name, wanted) != _to(host.name, self._cuts):
                addresses = [self.hosts[name].address for name in sorted(_to(host.name, wanted))]
                await _run(host.command("nft", "-f", "-"), _dropping(addresses))
        self._cuts = wanted

    async def heal(self) -> None:
        """All hear each other again."""
        await self.cut(())

    async def __aenter__(self) -> Self:
        await _remove(_left_by_others())
        try:
            await self._make()
        except BaseException:
            await self._unmake()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._unmake()

    async def _make(self) -> None:
        await _ip(f"netns add {self._bridge}")
        await _ip(f"-n {self._bridge} link add bridge type bridge")
        await _ip(f"-n {self._bridge} link set bridge up")
        for host in self.hosts.values():
            await _ip(f"netns add {host.namespace}")
            port = f"port{host.address.rpartition('.')[2]}"
            await _ip(
                f"-n {self._bridge} link add {port} type veth peer name eth0 netns {host.namespace}"
            )
            await _ip(f"-n {self._bridge} link set {port} master bridge up")
            await _ip(f"-n {host.namespace} address add {host.address}/24 dev eth0")
            await _ip(f"-n {host.namespace} link set lo up")
            await _ip(f"-n {host.namespace} link set eth0 up")

    async def _unmake(self) -> None:
        await _remove([self._bridge, *(host.namespace for host in self.hosts.values())])


def why_not() -> str:
    """Why this machine can have no such network, and what to do; "" where it can."""
    for program in ("ip", "nft"):
        if shutil.which(program) is None:
            return f"{program} was not found; on Debian: apt-get install iproute2 nftables"
    return ""


async def permitted() -> bool:
    """Whether this user may make hosts here, and the kernel can: that is seen by making two."""
    try:
        async with Network("one", "two") as network:
            await network.cut([("one", "two")])
    except NetworkFailed:
        return False
    return True


def _to(name: str, cuts: Cuts) -> set[str]:
    """Whom this host does not hear."""
    return {source for source, target in cuts if target == name}


def _dropping(addresses: list[str]) -> str:
    """For `nft`, in one step: what comes from these addresses is dropped, without a word to anybody."""
    rule = f"ip saddr {{ {', '.join(addresses)} }} counter drop" if addresses else ""
    return (
        "add table inet cut\ndelete table inet cut\n"
        "table inet cut {\n chain heard {\n  type filter hook input priority 0\n"
        f"  {rule}\n }}\n}}\n"
    )


def _left_by_others() -> list[str]:
    """Namespaces of runs that were killed."""
    found = _NAMED.glob(f"{_PREFIX}-*") if _NAMED.is_dir() else ()
    return [
        one.name
        for one in found
        if not Path(f"/proc/{one.name.removeprefix(_PREFIX).split('-')[1]}").exists()
    ]


async def _remove(namespaces: Iterable[str]) -> None:
    for namespace in namespaces:
        if (_NAMED / namespace).exists():
            await _ip(f"netns delete {namespace}")


async def _ip(words: str) -> None:
    await _run(["ip", *words.split()])


async def _run(command: list[str], given: str = "") -> None:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate(given.encode())
    if process.returncode:
        raise NetworkFailed(f"{' '.join(command)}: {printed.decode().strip()}")
