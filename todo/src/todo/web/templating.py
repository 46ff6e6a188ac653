"""Renders pages from templates."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dovetail import printable
from todo.items import MAX_LENGTH, is_blank
from todo.positions import position_of
from todo.web.assets import Assets
from todo.web.viewer import Viewer

_FOLDER = Path(__file__).parent / "templates"


class Templates:
    """Renders templates; everything put into them is escaped."""

    def __init__(self, assets: Assets, *, asks: bool = False) -> None:
        """`asks`: there is a password, so one can sign out."""
        self._environment = Environment(
            loader=FileSystemLoader(_FOLDER),
            autoescape=True,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
        )
        self._environment.globals |= {
            "asset": assets.address,
            "asks": asks,
            "outside": False,
        }
        self._environment.filters |= {
            "age": age,
            "largest_unit": largest_unit,
            "position": position_of,
            "printable": printable,
            "segment": segment,
            "thousands": thousands,
            "visible": visible,
        }

    def render(self, name: str, viewer: Viewer | None = None, **context: object) -> str:
        """The text of one template, in the viewer's language: there, `t` gives the words of a key."""
        if viewer:
            context |= {"viewer": viewer, "t": viewer.language.text}
        return self._environment.get_template(name).render(context)


def age(time: datetime) -> float:
    """How many seconds ago that was."""
    return (datetime.now(UTC) - time).total_seconds()


def largest_unit(seconds: float) -> tuple[str, int]:
    """So many seconds in the largest unit that fits: d, h, min or s."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return unit, int(seconds // length)
    return "s", max(0, round(seconds))


def visible(text: str, nothing: str = "(no text)") -> str:
    """An item's text where something of it can be seen, else what it consists of; no longer than they are."""
    if len(text) > MAX_LENGTH + 1:
        text = f"{text[:MAX_LENGTH]}…"
    return (text.encode("unicode_escape").decode() if is_blank(text) else text) or nothing


def thousands(number: int) -> str:
    """1234567 as 1,234,567."""
    return f"{number:,}"


def segment(text: str) -> str:
    """As one segment of an address's path."""
    return quote(text, safe="")
