"""The data that the user gives: DATA on the command line, a file, or stdin."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from dovetail.cli.exit_status import Ending
from dovetail.cli.output import note
from dovetail.network.os_errors import plain_error

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def data_arguments(function: Decorated) -> Decorated:
    """The argument DATA and the option --file."""
    function = click.argument("data", required=False)(function)
    return click.option(
        "--file", metavar="FILE", help="Take the data from a file, or from stdin where FILE is -."
    )(function)


def given_bytes(data: str | None, file: str | None) -> bytes:
    """The bytes as they are; none where neither was given."""
    if data is not None and file is not None:
        raise click.UsageError("give DATA or --file, not both", click.get_current_context())
    if data is not None:
        return os.fsencode(data)
    return b"" if file is None else _contents(file)


def _contents(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise Ending(f"dovetail: cannot read {file}: {plain_error(error)}") from error


def json_or_text(raw: bytes) -> Any:
    """The value for an envelope: JSON kept to the letter, else text; an empty object for no bytes.

    That is what a message without fields is, such as most requests.
    """
    if not raw.strip():
        return {}
    try:
        msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _text(raw, error)
    return msgspec.Raw(raw.strip())


def _text(raw: bytes, error: Exception) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError as undecodable:
        raise Ending("dovetail: the data is neither JSON nor text (UTF-8)", 2) from undecodable
    if text.lstrip()[:1] in ("{", "["):
        note(f"Note: the data looks like JSON and is none ({error}); it goes as text.")
    return text
