"""Options of the command line that are a time."""

from __future__ import annotations

import math
from typing import Any

import click

from dovetail.limits import MOST_SECONDS


class Seconds(click.FloatRange):
    """A number of seconds. Click itself takes `nan`, which lies in every range."""

    def __init__(self, most: float = MOST_SECONDS, *, above_zero: bool = False) -> None:
        super().__init__(0, most, min_open=above_zero)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number; what is none, or is out of bounds, is used wrongly."""
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number of seconds.", param, ctx)
        return number
