"""Decides whether a request is let in: by a session, or by the password itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from starlette.types import Scope

from todo.authentication.password_attempts import PasswordAttempts
from todo.authentication.sessions import Sessions

Verdict = Literal["right", "wrong", "too often"]
#: What everyone may ask: whether the component lives, and whether it can work.
OPEN_PATHS = ("/health", "/ready")
#: What an answer to a program without the password says of how to send it (RFC 6750).
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="todo"'}


@dataclass(frozen=True)
class Authenticator:
    """The authentication of one component."""

    sessions: Sessions
    attempts: PasswordAttempts = field(default_factory=PasswordAttempts)

    def try_password(self, password: str, address: str | None) -> tuple[Verdict, int]:
        """What to make of a password from there, and after how many seconds another may be tried."""
        if wait := self.attempts.wait(address):
            return "too often", wait
        if self.sessions.is_password(password):
            self.attempts.right(address)
            return "right", 0
        self.attempts.wrong(address, self.sessions.digest(password))
        return "wrong", 0

    def of_program(self, scope: Scope) -> tuple[Verdict | None, int]:
        """The same for the bearer token of a request; None where there is none."""
        token = _bearer(scope["headers"])
        if token is None:
            return None, 0
        return self.try_password(token, address_of(scope))


def address_of(scope: Scope) -> str | None:
    """Where a request comes from; behind a proxy that is trusted, where it says."""
    client = scope.get("client")
    return client[0] if client else None


def _bearer(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    found = [value for name, value in headers if name == b"authorization"]
    return _token(found[0]) if len(found) == 1 else None


def _token(authorization: bytes) -> str | None:
    """The token in an Authorization header; None where there is none."""
    scheme, _, token = authorization.strip().partition(b" ")
    if scheme.lower() != b"bearer" or not token.strip():
        return None
    token = token.strip()
    try:
        return token.decode()
    except UnicodeDecodeError:
        return token.decode("latin-1")


def minutes(seconds: int) -> str:
    """How long to wait, for a person."""
    if seconds < 90:
        return f"{seconds} seconds"
    return f"{-(-seconds // 60)} minutes"
