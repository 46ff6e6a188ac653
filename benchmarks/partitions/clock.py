"""Moves the clock of a process: what it is told of the date, and nothing of the time that passes.

Hosts of one machine have one clock. Programs read it through functions that the kernel maps into each
process (the vDSO), in Go and in Erlang as in C. These are replaced in one process by some that ask the kernel
and add seconds. A preloaded library would not do: nats-server is linked statically.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
import struct
from pathlib import Path

#: What a whole function needs at most.
_BYTES = 24
#: For x86-64: `mov eax, number; syscall`. Then, unless another clock was asked for (`test edi, edi`) or there
#: is nowhere to write to (`test rdi, rdi`), the seconds are added where the caller has them; `ret`.
_FUNCTIONS = {
    "__vdso_clock_gettime": "b8e40000000f05 85ff7507 488106{} c3",
    "__vdso_gettimeofday": "b8600000000f05 4885ff7407 488107{} c3",
    "__vdso_time": "b8c90000000f05 4805{} 4885ff7403488907 c3",
}


def movable() -> bool:
    """Whether clocks can be moved here."""
    return platform.machine() == "x86_64" and os.getuid() == 0


def move(pid: int, seconds: int) -> None:
    """Have a process that is stopped (SIGSTOP) see the clock so many seconds ahead; 0 for as it is.

    Raises ProcessLookupError where one of its threads is stopped inside such a function: let it go on for a
    moment, and try again.
    """
    assert 0 <= seconds < 2**31
    ours, _ = _vdso("self")
    theirs, end = _vdso(str(pid))
    _refuse_inside(pid, theirs, end)
    library = ctypes.CDLL("linux-vdso.so.1")
    with Path(f"/proc/{pid}/mem").open("r+b", buffering=0) as memory:
        for name, code in _FUNCTIONS.items():
            here = ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0
            memory.seek(theirs + here - ours)
            if seconds:
                memory.write(bytes.fromhex(code.format(struct.pack("<i", seconds).hex())))
            else:
                memory.write(ctypes.string_at(here, _BYTES))


def _vdso(process: str) -> tuple[int, int]:
    """From where to where it is mapped."""
    maps = Path(f"/proc/{process}/maps").read_text()
    found = re.search(r"^(\w+)-(\w+) .*\[vdso\]$", maps, re.MULTILINE)
    assert found, "a kernel without a vDSO"
    return int(found[1], 16), int(found[2], 16)


def _refuse_inside(pid: int, start: int, end: int) -> None:
    for thread in Path(f"/proc/{pid}/task").iterdir():
        *_, at = (thread / "syscall").read_text().split()
        if at == "running" or start <= int(at, 16) < end:
            raise ProcessLookupError(
                f"thread {thread.name} of process {pid} is looking at its clock"
            )
