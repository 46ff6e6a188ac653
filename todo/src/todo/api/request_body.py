"""Reads and checks the JSON body of a request; what is invalid is refused with a problem."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec
from starlette.responses import Response
from starlette.types import Receive

from todo.api import problems
from todo.api.field_checks import CHECKS
from todo.api.headers import Headers
from todo.api.problems import Refused
from todo.http.body import BodyTooLarge, read_body
from todo.items import InvalidItem, is_uuid

JSON = b"application/json"
MERGE_PATCH = b"application/merge-patch+json"
CONTENT_TYPE = b"content-type"
KEY = b"idempotency-key"
LENGTH = b"content-length"

#: Members that an item has, and that nobody can set.
_GIVEN = ("id", "date_added", "date_saved", "status")
_SHAPES = {
    "item": 'must be text, as in {"item": "Buy milk"}',
    "done": "must be true or false",
    "due": 'must be a date as text, as in {"due": "2026-12-03"}, or null',
    "tags": 'must be a list of texts, as in {"tags": ["home"]}',
    "notes": "must be text",
    "position": "must be text, as in the items that you were given",
}
#: Where msgspec found it: the member, and its index where that is a list.
_PLACE = re.compile(r"`\$\.(\w+)(?:\[(\d+|\.\.\.)\])?`$")
_UNKNOWN = re.compile("unknown field `(.*)`", re.DOTALL)

Kind = TypeVar("Kind")


class JsonBody(Generic[Kind]):
    """Decodes JSON of one type. `header` is the one that lists the accepted content types."""

    def __init__(self, kind: type[Kind], *content_types: bytes, header: str = "Accept") -> None:
        self._types = content_types
        self._header = header
        self._decode: Callable[[bytes], Kind] = msgspec.json.Decoder(kind).decode
        self._members = tuple(field.name for field in msgspec.structs.fields(kind))  # type: ignore[arg-type]

    async def read(self, known: dict[bytes, bytes], receive: Receive) -> Kind:
        """What was sent, its types checked. Raises Refused."""
        self.check_type(known)
        try:
            return self.decode(await read_body(receive, known.get(LENGTH)))
        except BodyTooLarge:
            raise Refused(problems.too_large()) from None

    def check_type(self, known: dict[bytes, bytes]) -> None:
        """Raise Refused where these headers announce something else."""
        given = known.get(CONTENT_TYPE)
        if given not in self._types and _bare(given) not in self._types:
            raise Refused(problems.wrong_content_type(given, self._types, self._header))

    def decode(self, body: bytes) -> Kind:
        """What it says, its types checked. Raises Refused."""
        try:
            return self._decode(body)
        except msgspec.ValidationError as error:
            raise Refused(self._misshapen(str(error))) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Refused(problems.broken_json(error)) from None

    def _misshapen(self, error: str) -> Response:
        """msgspec's words, such as "Expected `str`, got `int` - at `$.item`", made useful."""
        if "missing required" in error:
            return problems.invalid_item('The member "item" is missing. Send {"item": "…"}.')
        if found := _UNKNOWN.search(error):
            return self._unknown(found[1])
        if (found := _PLACE.search(error)) and found[1] in _SHAPES:
            member = found[1]
            return problems.invalid_item(f'"{member}" {_SHAPES[member]}.', f"#/{member}")
        return problems.invalid_item('The body must be an object, as in {"item": "…"}.', "#")

    def _unknown(self, name: str) -> Response:
        taken = ", ".join(f'"{member}"' for member in self._members)
        if name in _GIVEN:
            message = f'"{name}" cannot be set. What can be is {taken}.'
            return problems.invalid_item(message, f"#/{name}")
        message = f"The body has the unknown field `{name:.100}`. What is taken is {taken}."
        return problems.invalid_item(message, "#")


def checked(member: str, value: Any) -> Any:
    """The value as it is to be kept. Raises Refused."""
    try:
        return CHECKS[member](value)
    except InvalidItem as error:
        raise Refused(problems.invalid_item(str(error), f"#/{member}")) from None


def checked_key(headers: Headers, what: str) -> str:
    """The UUID of the Idempotency-Key header, with or without the quotes of a structured field."""
    keys = {value.strip().strip(b'"').lower() for name, value in headers if name == KEY}
    text = keys.pop().decode("latin-1")
    if keys or not is_uuid(text):
        message = f"The Idempotency-Key must be a UUID: {what}."
        errors = [problems.FieldError(message, parameter="Idempotency-Key")]
        raise Refused(problems.problem(400, message, errors=errors))
    return text


def _bare(content_type: bytes | None) -> bytes | None:
    return content_type and content_type.split(b";", 1)[0].strip().lower()
