"""The client, for `todo scale`: finds the running `todo up`, sends the request, and yields the answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from todo.control.messages import (
    LINE_LIMIT,
    VERSION,
    Answer,
    Done,
    NotUnderstood,
    Refused,
    Request,
    encode,
    read_answer,
)
from todo.control.unix_socket import socket_paths
from todo.process import CannotRun

#: For the first answer, which takes no work.
FIRST_ANSWER_SECONDS = 10.0


class NobodyAnswers(CannotRun):
    """No `todo up` listens for this data folder."""


class CannotAsk(CannotRun):
    """The running `todo up` cannot do it, or did not end it; the text says why."""


async def ask(folder: Path, counts: Mapping[str, int]) -> AsyncIterator[Answer]:
    """Ask for so many of each, or with none for the list; the answers, without the last.

    `folder`: the data folder, absolute.

    Raises NobodyAnswers and CannotAsk.
    """
    reader, writer = await _connected(folder)
    try:
        writer.write(encode(Request(VERSION, dict(counts))))
        answer = await _first_answer(reader)
        while not isinstance(answer, Done):
            if isinstance(answer, Refused):
                raise CannotAsk(answer.text)
            yield answer
            answer = await _answer(reader)
    finally:
        writer.close()


async def _connected(folder: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        for path in socket_paths(folder):
            try:
                return await asyncio.open_unix_connection(path, limit=LINE_LIMIT)
            except PermissionError:
                raise
            except (OSError, ValueError):
                continue  # left behind by one that was killed, perhaps by a loss of power
    except PermissionError:
        raise CannotAsk(
            f"the `todo up` on the data folder {folder} is another user's: "
            "only that user can change it"
        ) from None
    raise NobodyAnswers(
        f"no `todo up` runs on the data folder {folder} (TODO_DATA_DIR): start it with `todo up`"
    )


async def _first_answer(reader: asyncio.StreamReader) -> Answer:
    try:
        async with asyncio.timeout(FIRST_ANSWER_SECONDS):
            return await _answer(reader)
    except TimeoutError:
        raise CannotAsk(
            f"the running `todo up` did not answer in {FIRST_ANSWER_SECONDS:g} s; "
            "if Ctrl-Z halted it, `fg` lets it go on, and it may do this then"
        ) from None


async def _answer(reader: asyncio.StreamReader) -> Answer:
    try:
        line = await reader.readline()
    except ConnectionError:
        line = b""
    if not line.endswith(b"\n"):
        raise CannotAsk("the running `todo up` ended before this was done")
    try:
        return read_answer(line)
    except NotUnderstood as error:
        raise CannotAsk(str(error)) from None
