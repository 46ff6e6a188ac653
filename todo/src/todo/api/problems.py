"""Errors as problem details (RFC 9457): what went wrong, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

import msgspec
from starlette.responses import Response

from todo.api.headers import HEADERS
from todo.http.limits import MAX_BODY

#: Seconds after which a client may try again.
RETRY_AFTER = 2
_SOON = {"Retry-After": str(RETRY_AFTER)}
#: As RFC 9110 has them; Python before 3.13 still knows older names.
_NEW_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}


class Refused(Exception):
    """The request cannot be accepted; `response` says why."""

    def __init__(self, response: Response) -> None:
        self.response = response


class FieldError(msgspec.Struct, frozen=True, omit_defaults=True):
    """One wrong value: a member of the body, or a parameter of the address."""

    detail: str
    #: JSON pointer of the member, as a URI fragment.
    pointer: str | None = None
    #: Name of the query parameter or header.
    parameter: str | None = None


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an error response holds; `type` is about:blank, so `title` is the status in words."""

    title: str
    status: int
    #: What to do about it.
    detail: str
    #: Of the item that could not be accepted.
    id: str | None = None
    errors: list[FieldError] | None = None


def problem(
    status: int,
    detail: str,
    *,
    headers: dict[str, str] | None = None,
    id: str | None = None,
    errors: list[FieldError] | None = None,
) -> Response:
    """The response for one problem."""
    content = Problem(title(status), status, detail, id, errors)
    return Response(
        msgspec.json.encode(content),
        status,
        HEADERS | (headers or {}),
        media_type="application/problem+json",
    )


def title(status: int) -> str:
    """The status in words."""
    return _NEW_TITLES.get(status) or HTTPStatus(status).phrase


def broken_json(error: Exception) -> Response:
    """400: the bytes are no JSON."""
    return problem(400, f'The body is not valid JSON ({error}). Send {{"item": "…"}} in UTF-8.')


def too_large() -> Response:
    """413: no item is that long."""
    return problem(
        413,
        f"The body is over {MAX_BODY // 1024} KiB. No item is that long: send one in each request.",
    )


def wrong_content_type(given: bytes | None, taken: Sequence[bytes], header: str) -> Response:
    """415: only JSON is taken, of the kinds `taken`, which this header names."""
    kinds = [kind.decode() for kind in taken]
    has = f"is {given.decode('latin-1')[:100]!r}" if given else "is missing"
    return problem(
        415,
        f'The Content-Type {has}. Send JSON, with the header "Content-Type: {kinds[0]}".',
        headers={header: ", ".join(kinds)},
    )


def invalid_item(message: str, pointer: str = "#/item") -> Response:
    """422: well-formed, but no item."""
    return problem(422, message, errors=[FieldError(message, pointer=pointer)])


def key_taken(id: str, stands_for: str) -> Response:
    """422: the Idempotency-Key was used before, for something else; `id` is the item's."""
    message = (
        f"This Idempotency-Key stands for {stands_for}. Nothing was accepted. "
        "For something else, use another key; to repeat the request, send the same again."
    )
    return problem(422, message, id=id, errors=[FieldError(message, parameter="Idempotency-Key")])


def invalid_parameter(name: str, message: str) -> Response:
    """422: a query parameter that cannot be used."""
    return problem(422, message, errors=[FieldError(message, parameter=name)])


def queue_unavailable(
    what: str, key: str | None, *, connected: bool, id: str | None = None
) -> Response:
    """503: the queue did not confirm `what`, though we are connected to it, or because we are not.

    With this `key` the request can be repeated; where there is none, it can be as it is.
    """
    why = "cannot be reached"
    if connected:
        why = "did not confirm in time (its disk may be full)"
    again = ""
    if key:
        again = (
            f'; with the header "Idempotency-Key: {key}" that has one effect, even if the queue did receive '
            "this attempt"
        )
    return problem(
        503,
        f"The queue {why}, so {what} was not accepted. Send it again in {RETRY_AFTER} seconds{again}.",
        headers=_SOON,
        id=id,
    )


def queue_refused(error: Exception, *, id: str | None = None) -> Response:
    """503: the queue answered that it has no room."""
    return problem(
        503,
        f"The queue does not take more, so nothing was accepted ({error}). Try again later, or ask "
        "the operator to make room.",
        headers=_SOON,
        id=id,
    )


def database_unavailable() -> Response:
    """503: items cannot be read."""
    return problem(
        503,
        "The database cannot be reached, so saved items can be neither read nor changed now. Adding items "
        f"still works. Try again in {RETRY_AFTER} seconds.",
        headers=_SOON,
    )


def not_there() -> Response:
    """404: there is no such item, or none yet."""
    return problem(
        404,
        "No item has this id. If it was accepted just now, and many wait to be saved, try again later.",
    )


def wrong_tags(header: str) -> Response:
    """400: a header that should hold entity tags."""
    message = (
        f'{header} must hold entity tags, each in double quotes, such as "5f3c", as an ETag header gave '
        "them; or *."
    )
    return problem(400, message, errors=[FieldError(message, parameter=header)])


def changed_meanwhile(tag: str) -> Response:
    """412: the item is another one than the request is meant for."""
    return problem(
        412,
        "The item has changed since that ETag was given, so nothing was accepted. Read it again, and decide "
        "again.",
        headers={"ETag": tag},
    )


def perhaps_not_there() -> Response:
    """503: the item is not saved, and what waits to be could not be read to its end."""
    return problem(
        503,
        "The item is not saved, and it cannot be told whether it waits to be: the queue is away, or too much "
        "waits. Nothing was accepted. Try again later.",
        headers=_SOON,
    )


def not_known() -> Response:
    """503: whether If-Match holds cannot be told, because too much waits to be saved."""
    return problem(
        503,
        "So much waits to be saved that it cannot be told whether the item has changed since that ETag was "
        "given. Nothing was accepted. Try again later, or without If-Match.",
        headers=_SOON,
    )
