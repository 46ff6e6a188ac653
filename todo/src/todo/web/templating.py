"""Pages from templates."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from todo.web.assets import Assets

_FOLDER = Path(__file__).parent / "templates"


class Templates:
    """Renders templates; everything put into them is escaped."""

    def __init__(self, assets: Assets) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(_FOLDER),
            autoescape=True,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
        )
        self._environment.globals["asset"] = assets.address
        self._environment.filters |= {"age": age, "moment": moment, "thousands": thousands}

    def render(self, name: str, **context: object) -> str:
        """The text of one template."""
        return self._environment.get_template(name).render(context)


def moment(time: datetime) -> Markup:
    """A time for people, in this machine's time zone, and for programs."""
    local = time.astimezone()
    shown = f"{local.day} {local:%b %Y, %H:%M}"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        time.isoformat(), f"{local:%Y-%m-%d %H:%M:%S %Z}", shown
    )


def age(time: datetime) -> str:
    """How long ago that was, in the largest unit that fits."""
    seconds = max(0, round((datetime.now(UTC) - time).total_seconds()))
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return f"{seconds} s ago"


def thousands(number: int) -> str:
    """1234567 as 1,234,567."""
    return f"{number:,}"
