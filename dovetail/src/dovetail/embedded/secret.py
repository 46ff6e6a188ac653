"""The secret of an embedded server: who can read it may use the queue."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from dovetail.embedded.private import open_private


def read_secret(file: Path) -> str | None:
    """What stands in the file; None where it is not there, or empty. Raises OSError."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip() or None
    except FileNotFoundError:
        return None


def keep_secret(file: Path, known: str | None = None) -> str:
    """The secret in the file, which is made where there is none: with the one that is known, or a new one.

    Raises OSError.
    """
    if found := read_secret(file):
        return found
    secret = known or secrets.token_urlsafe(32)
    new = file.with_suffix(".new")
    with suppress(FileNotFoundError):
        new.unlink()
    with open(new, "x", opener=open_private) as written:
        written.write(f"{secret}\n")
        written.flush()
        os.fsync(written.fileno())
    new.replace(file)
    return secret
