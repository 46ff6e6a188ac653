"""Signed sessions that need no store. The key is derived from the password.

So sessions outlast a restart, are valid in every replica of the page, and end when the password is
changed. Those that were signed out are remembered until they would have expired.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
import unicodedata

from todo.authentication.ended_sessions import EndedSessions

#: Seconds that a session lasts.
LIFETIME_SECONDS = 14 * 24 * 3600
#: Makes guessing the password from a stolen session slow: 30 ms and 8 MB for each guess.
_SCRYPT = {"n": 2**13, "r": 8, "p": 1}
_SALT = b"todo: key of sessions, 1"


class Sessions:
    """The sessions of one password."""

    def __init__(self, password: str, ended: EndedSessions | None = None) -> None:
        self._key = hashlib.scrypt(_as_bytes(password), salt=_SALT, dklen=32, **_SCRYPT)
        self._password = self.digest(password)
        self._ended = EndedSessions() if ended is None else ended

    def digest(self, text: str) -> bytes:
        """Stands for a text that somebody sent, and gives nothing away of it."""
        return hmac.digest(self._key, b"password:" + _as_bytes(text), "sha256")

    def is_password(self, text: str) -> bool:
        """Whether this is the password; takes as long whatever it is."""
        return hmac.compare_digest(self.digest(text), self._password)

    def begin(self) -> str:
        """What a browser that was let in shows from now on."""
        content = f"{int(time.time()):x}.{secrets.token_hex(16)}"
        return f"{content}.{self._signature(content)}"

    def admits(self, session: str) -> bool:
        """Whether the session was begun here, and lasts."""
        content, _, signature = session.rpartition(".")
        expected = self._signature(content)
        if not hmac.compare_digest(signature.encode(), expected.encode()):
            return False
        return time.time() < _end_of(content) and session not in self._ended

    def end(self, session: str) -> None:
        """Admit it no longer."""
        if self.admits(session):
            self._ended.add(session, _end_of(session))

    def _signature(self, content: str) -> str:
        signed = b"session:" + content.encode(errors="surrogateescape")
        return hmac.digest(self._key, signed, "sha256").hex()


def _end_of(session: str) -> float:
    return int(session.partition(".")[0], 16) + LIFETIME_SECONDS


def _as_bytes(text: str) -> bytes:
    """The same however an accent was typed."""
    return unicodedata.normalize("NFC", text).encode(errors="surrogateescape")
