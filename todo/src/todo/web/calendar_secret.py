"""The secret in the calendar's address."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import unicodedata
from contextlib import suppress
from functools import cache
from pathlib import Path

from todo.data_folder import uses_data_folder
from todo.settings import Settings

#: In the data folder.
FILE = "calendar-secret"
_SALT = b"todo: address of the calendar, 1"


class CalendarSecret:
    """The one that is set; else one that is drawn when somebody first wants the address, and kept.

    Where there is no data folder to keep it in, it is made of the password: so all that serve the same page
    know it, and a new password ends it.
    """

    def __init__(self, settings: Settings) -> None:
        self._set = settings.calendar.secret
        self._password = settings.password
        self._file = settings.data_dir / FILE if uses_data_folder(settings) else None

    def known(self) -> str | None:
        """The secret, where there is one. Raises OSError."""
        if self._set is not None:
            return self._set
        if self._file is not None:
            return _read(self._file)
        return _made_of(self._password) if self._password else None

    def keep(self) -> str | None:
        """The secret, drawn now where there is none; None where there is no place for one. Raises OSError."""
        if (known := self.known()) is None and self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            _draw(self._file)
            known = _read(self._file)
        return known

    def fits(self, word: str) -> bool:
        """Whether it is the secret. Takes as long whatever the word has in common with it."""
        try:
            known = self.known()
        except OSError:
            return False
        return known is not None and secrets.compare_digest(known.encode(), word.encode())


@cache
def _made_of(password: str) -> str:
    """Costs 30 ms and 8 MB, so that nobody guesses the password from an address."""
    normal = unicodedata.normalize("NFC", password).encode(errors="surrogatepass")
    key = hashlib.scrypt(normal, salt=_SALT, dklen=24, n=2**13, r=8, p=1)
    return base64.urlsafe_b64encode(key).decode()


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip() or None
    except FileNotFoundError:
        return None


def _draw(file: Path) -> None:
    """Write one, for its owner alone; where another process has just done so, its one stays."""
    new = file.with_name(f"{FILE}.{secrets.token_hex(4)}")
    with open(new, "x", opener=lambda path, flags: os.open(path, flags, 0o600)) as written:
        written.write(f"{secrets.token_urlsafe(32)}\n")
        written.flush()
        os.fsync(written.fileno())
    try:
        with suppress(FileExistsError):
            os.link(new, file)
    finally:
        new.unlink()
