"""Checks arguments when they are given."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from dovetail.checks.rules import NotAllowed, Rule, not_allowed
from dovetail.errors import ConfigurationError


class UnknownOption(ConfigurationError, TypeError):
    """There is no option of this name."""


def check(call: str, name: str, value: Any, rule: Rule) -> Any:
    """The value as it is used; ConfigurationError names the call, the option, the value, what is allowed."""
    try:
        return rule(value)
    except NotAllowed as allowed:
        raise ConfigurationError(not_allowed(call, name, value, allowed)) from None


def check_all(call: str, rules: Mapping[str, Rule], given: Mapping[str, Any]) -> dict[str, Any]:
    """All that was given, as it is used; UnknownOption where there is no rule for one of them."""
    check_names(call, rules, given)
    return {name: check(call, name, value, rules[name]) for name, value in given.items()}


def check_names(call: str, known: Collection[str], given: Iterable[str]) -> None:
    """Raise UnknownOption for the first name that is not known."""
    for name in given:
        if name not in known:
            close = get_close_matches(name, known, 1, cutoff=0.5)
            meant = f"did you mean {close[0]}? " if close else ""
            raise UnknownOption(
                f"{call} has no option {name!r}; {meant}There are: {', '.join(known)}"
            )
