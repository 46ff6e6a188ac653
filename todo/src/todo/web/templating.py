"""Pages from templates."""

from __future__ import annotations

from datetime import datetime
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
        self._environment.filters |= {"moment": moment, "thousands": thousands}

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


def thousands(number: int) -> str:
    """1234567 as 1,234,567."""
    return f"{number:,}"
