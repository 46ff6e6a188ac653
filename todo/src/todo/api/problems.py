"""Errors as problem details (RFC 9457): what went wrong, and what to do."""

from __future__ import annotations

from http import HTTPStatus

import msgspec
from starlette.responses import Response

from todo.items import MAX_LENGTH
from todo.serving.body import MAX_BODY

#: Seconds after which a client may try again.
RETRY_AFTER = 2
#: As RFC 9110 has them; Python before 3.13 still knows older names.
_NEW_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}


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
        msgspec.json.encode(content), status, headers, media_type="application/problem+json"
    )


def title(status: int) -> str:
    """The status in words."""
    return _NEW_TITLES.get(status) or HTTPStatus(status).phrase


def broken_json(error: Exception) -> Response:
    """400: the bytes are no JSON."""
    return problem(400, f'The body is not valid JSON ({error}). Send {{"item": "…"}} in UTF-8.')


def too_large() -> Response:
    """413: an item is never that long."""
    return problem(
        413,
        f"The body is over {MAX_BODY // 1024} KiB. An item has {MAX_LENGTH} characters at most: "
        "send one item in each request.",
    )


def wrong_content_type(given: bytes | None) -> Response:
    """415: only JSON is taken."""
    has = f"is {given.decode('latin-1')!r}" if given else "is missing"
    return problem(
        415,
        f'The Content-Type {has}. Send JSON, with the header "Content-Type: application/json".',
        headers={"Accept": "application/json"},
    )


def invalid_item(message: str, pointer: str = "#/item") -> Response:
    """422: well-formed, but no item."""
    return problem(422, message, errors=[FieldError(message, pointer=pointer)])


def invalid_parameter(name: str, message: str) -> Response:
    """422: a query parameter that cannot be used."""
    return problem(422, message, errors=[FieldError(message, parameter=name)])


def queue_unavailable(id: str, *, connected: bool) -> Response:
    """503: the queue did not confirm, though we are connected to it, or because we are not."""
    why = "cannot be reached"
    if connected:
        why = "did not confirm in time (its disk may be full)"
    return problem(
        503,
        f"The queue {why}, so the item was not accepted. Send it again in "
        f'{RETRY_AFTER} seconds; with the header "Idempotency-Key: {id}" it is added once, even if '
        "the queue did receive this attempt.",
        headers={"Retry-After": str(RETRY_AFTER)},
        id=id,
    )


def queue_refused(id: str, error: Exception) -> Response:
    """503: the queue answered that it has no room."""
    return problem(
        503,
        f"The queue does not take more, so nothing was accepted ({error}). Try again later, or ask "
        "the operator to make room.",
        headers={"Retry-After": str(RETRY_AFTER)},
        id=id,
    )


def database_unavailable() -> Response:
    """503: items cannot be read."""
    return problem(
        503,
        "The database cannot be reached, so saved items cannot be read now. Adding items still "
        f"works. Try again in {RETRY_AFTER} seconds.",
        headers={"Retry-After": str(RETRY_AFTER)},
    )
