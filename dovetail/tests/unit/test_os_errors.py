"""Errors of the operating system in words."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from pathlib import Path

import pytest

from dovetail.embedded.ports import free_port
from dovetail.network.os_errors import plain_error


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_no_number_and_one_line(number: int) -> None:
    said = plain_error(OSError(number, os.strerror(number), "/a/file"))
    assert said
    assert "Errno" not in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError("Multiple exceptions: [Errno 111] Connect call failed, [Errno 111] x"), "nothing"),
        (OSError(111, "Connect call failed ('127.0.0.1', 5432)"), "nothing listens there"),
        (socket.gaierror(-2, "Name or service not known"), "cannot be resolved"),
        (TimeoutError(), "no answer in time"),
        (OSError("its own words\nin two lines"), "its own words in two lines"),
        (OSError(), "OSError"),
        (FileExistsError(17, "File exists", "data"), "File exists"),
    ],
)
def test_what_is_said(error: OSError, said: str) -> None:
    assert said in plain_error(error)


async def test_a_host_with_two_addresses_of_which_none_answers() -> None:
    with pytest.raises(OSError, match="Connect call failed") as raised:
        await asyncio.open_connection("localhost", free_port())
    assert plain_error(raised.value) == "nothing listens there (connection refused)"


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Is a directory") as raised:
        tmp_path.open()
    assert plain_error(raised.value) == "Is a directory"
