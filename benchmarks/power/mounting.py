"""Mounts and unmounts: by system call as root, else by Debian's fusermount3."""

from __future__ import annotations

import array
import ctypes
import os
import shutil
import socket
import subprocess
from pathlib import Path

_DEVICE = Path("/dev/fuse")
_MNT_DETACH = 2
_NOSUID_NODEV = 2 | 4


def missing() -> str:
    """Why nothing can be mounted here, and what to do; "" where it can."""
    if not _DEVICE.exists():
        return "no /dev/fuse on this kernel"
    if os.getuid() == 0:
        return ""
    if not os.access(_DEVICE, os.R_OK | os.W_OK):
        return f"{_DEVICE} may not be opened by this user"
    if shutil.which("fusermount3") is None:
        return "fusermount3 was not found; on Debian: apt-get install fuse3"
    return ""


def mount(point: Path) -> int:
    """The open device. Raises OSError, CalledProcessError."""
    return _mount_as_root(point) if os.getuid() == 0 else _mount_as_user(point)


def unmount(point: Path) -> None:
    """At once, whoever still uses it. Does nothing where nothing is mounted."""
    if not is_mounted(point):
        return
    if os.getuid() == 0:
        _check(ctypes.CDLL(None, use_errno=True).umount2(os.fsencode(point), _MNT_DETACH))
    else:
        subprocess.run(["fusermount3", "-u", "-z", point], check=True)


def is_mounted(point: Path) -> bool:
    """Also where nobody serves it any more."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return str(point) in (line.split()[4] for line in lines)


def _mount_as_root(point: Path) -> int:
    device = os.open(_DEVICE, os.O_RDWR | os.O_CLOEXEC)
    # Others may use it: PostgreSQL is not root.
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,default_permissions,allow_other"
    libc = ctypes.CDLL(None, use_errno=True)
    kind = b"fuse.power"
    try:
        _check(libc.mount(b"power", os.fsencode(point), kind, _NOSUID_NODEV, options.encode()))
    except OSError:
        os.close(device)
        raise
    return device


def _mount_as_user(point: Path) -> int:
    ours, its = socket.socketpair()
    with ours, its:
        subprocess.run(
            ["fusermount3", "-o", "default_permissions,fsname=power", "--", point],
            env=os.environ | {"_FUSE_COMMFD": str(its.fileno())},
            pass_fds=(its.fileno(),),
            check=True,
        )
        device = array.array("i", [0])
        _, ancillary, _, _ = ours.recvmsg(1, socket.CMSG_SPACE(device.itemsize))
        device.frombytes(ancillary[0][2])
        return device[-1]


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
