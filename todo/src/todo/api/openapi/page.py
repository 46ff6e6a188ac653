"""The description as a page: nothing in it is fetched, and there is no script."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from todo.api.openapi.document import content
from todo.api.openapi.parts import JsonObject

_FOLDER = Path(__file__).parent
_STYLE = (_FOLDER / "page.css").read_text()
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
_CODE = re.compile("`([^`]+)`")
_LIMITS = {
    "format": "{}",
    "minimum": "{} at least",
    "maximum": "{} at most",
    "maxLength": "{} characters at most",
    "maxItems": "{} at most",
    "default": "otherwise {}",
}


@cache
def html() -> str:
    """The page."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {"words": words, "kind": kind}
    return environment.get_template("page.html").render(api=content(), style=Markup(_STYLE))  # noqa: S704 - ours


def words(text: str) -> Markup:
    """A sentence, with what is between backquotes as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped


def kind(schema: JsonObject) -> Markup:
    """What a value of this schema is, in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return Markup('<a href="#{0}">{0}</a>').format(name)
    if "anyOf" in schema:
        return Markup(", or ").join(map(kind, schema["anyOf"]))
    if "enum" in schema:
        return Markup(" · ").join(
            Markup("<code>{}</code>").format(value) for value in schema["enum"]
        ) + _limits(schema)
    if schema.get("type") == "array":
        return Markup("list of ") + kind(schema["items"]) + _limits(schema)
    return escape(schema.get("type", "anything")) + _limits(schema)


def _limits(schema: JsonObject) -> str:
    shown = [text.format(_plain(schema[name])) for name, text in _LIMITS.items() if name in schema]
    return "".join(f", {one}" for one in shown)


def _plain(value: object) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower().replace("none", "null")
    if value in ("", [], ()):
        return "empty"
    return str(value)
