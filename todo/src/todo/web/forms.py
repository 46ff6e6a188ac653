"""Reading what a browser's form has sent."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

from todo.serving.body import read_body

#: Where a form may lead: a page of ours, never another server.
_OURS = re.compile(r"/(?![/\\])[\w/.~?&=%+-]*", re.ASCII)
#: Bytes: the longest notes take nine for a Chinese character, and twelve for an emoji.
MAX_FORM = 256 * 1024
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
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=20)
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
