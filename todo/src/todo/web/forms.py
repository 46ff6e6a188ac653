"""Reads a browser's form."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

from todo.http.body import read_body
from todo.http.limits import MAX_FORM, MAX_FORM_FIELDS

#: Where a form may lead: a page of ours, never another server.
_OURS = re.compile(r"/(?![/\\])[\w/.~?&=%+-]*", re.ASCII)
_FORM = "application/x-www-form-urlencoded"


class WrongContentType(Exception):
    """The body is not what a form sends."""


class BrokenForm(Exception):
    """The body is no form, or not in UTF-8."""


async def read_form(request: Request) -> dict[str, str]:
    """The fields by name; of one that comes twice, the last. Nothing at all is a form without fields.

    Raises WrongContentType, BrokenForm and BodyTooLarge.
    """
    content_type = request.headers.get("content-type", "")
    announced = request.headers.get("content-length")
    if not content_type and announced in (None, "0"):
        return {}
    if content_type.split(";", 1)[0].strip().lower() != _FORM:
        raise WrongContentType
    body = await read_body(request.receive, announced.encode() if announced else None, MAX_FORM)
    # Not by Starlette's reader of forms: it takes bytes that are not UTF-8, and puts other characters there.
    try:
        pairs = parse_qsl(
            body.decode(),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_FORM_FIELDS,
        )
    except ValueError as error:
        raise BrokenForm from error
    return dict(pairs)


def is_cross_site(request: Request) -> bool:
    """Whether another site made the browser send this.

    Browsers say so in Sec-Fetch-Site, older ones in Origin; what is no browser sends neither.
    """
    if site := request.headers.get("sec-fetch-site"):
        return site not in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != request.headers.get("host")


def place_of_ours(wanted: str) -> str:
    """The address that a form asks to be led to, where that is a page of ours; else the list's."""
    return wanted if _OURS.fullmatch(wanted) else "/"
