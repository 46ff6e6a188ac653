"""Reading what a browser's form has sent."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

from todo.serving.body import read_body

_FORM = "application/x-www-form-urlencoded"


class WrongContentType(Exception):
    """The body is not what a form sends."""


class BrokenForm(Exception):
    """The body is no form, or not in UTF-8."""


async def read_form(request: Request) -> dict[str, str]:
    """The fields by name; of one that comes twice, the last.

    Raises WrongContentType, BrokenForm and BodyTooLarge.
    """
    content_type = request.headers.get("content-type", "")
    if content_type.split(";", 1)[0].strip().lower() != _FORM:
        raise WrongContentType
    announced = request.headers.get("content-length")
    body = await read_body(request.receive, announced.encode() if announced else None)
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
