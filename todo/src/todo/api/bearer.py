"""Authenticates programs by the password as a bearer token (RFC 6750)."""

from __future__ import annotations

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from todo.api import problems
from todo.authentication.authenticator import CHALLENGE, OPEN_PATHS, Authenticator, minutes

#: The description for people is open, too: a browser cannot send the token, and no item is in it.
_OPEN = (*OPEN_PATHS, "/docs")


class Bearer:
    """Refuses requests without the password, or with a wrong one."""

    def __init__(self, app: ASGIApp, authenticator: Authenticator) -> None:
        self._app = app
        self._authenticator = authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = None
        if scope["type"] == "http" and scope["path"] not in _OPEN:
            refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        verdict, wait = self._authenticator.of_program(scope)
        if verdict == "right":
            return None
        if verdict == "too often":
            return problems.problem(
                429,
                f"Too many wrong passwords came from your address. Try again in {minutes(wait)}.",
                headers={"Retry-After": str(wait)},
            )
        what = "is wrong" if verdict == "wrong" else "is missing"
        return problems.problem(
            401,
            f'The password {what}. Send it with each request, as the header "Authorization: Bearer …"; it is '
            "what TODO_PASSWORD is set to.",
            headers=CHALLENGE,
        )
