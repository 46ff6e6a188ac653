"""The page's modules as one script: asking for each of three dozen takes a browser longer than all the rest.

Each module becomes a function that returns what it exports. They are called in the order in which a
browser would run them. Modules may use the forms of import and export below; anything else is an error at
start.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_IMPORT = re.compile(
    r'^import (?:\{ (?P<names>[^}]+) \}|\* as (?P<all>\w+)) from "\./(?P<module>[\w-]+\.js)";$',
    re.MULTILINE,
)
_EXPORT = re.compile(
    r"^export (?P<kind>(?:async )?function\*?|class|const) (?P<name>\w+)", re.MULTILINE
)
_LEFT = re.compile(r"^(?:import|export)\b.*$", re.MULTILINE)


def imported(name: str, sources: Mapping[str, str]) -> list[str]:
    """This module and all that it imports, each after those that it needs. ValueError for a circle."""
    order: dict[str, None] = {}
    _visit(name, sources, (), order)
    return list(order)


def _visit(
    name: str, sources: Mapping[str, str], within: tuple[str, ...], order: dict[str, None]
) -> None:
    if name in order:
        return
    if name in within:
        raise ValueError(f"modules import each other in a circle: {' > '.join((*within, name))}")
    for found in _IMPORT.finditer(sources[name]):
        _visit(found["module"], sources, (*within, name), order)
    order[name] = None


def bundled(name: str, sources: Mapping[str, str]) -> str:
    """One module that does what this one does. It exports each of those in it, as `$` and its name."""
    modules = imported(name, sources)
    functions = [_function(module, sources[module]) for module in modules]
    return "\n".join((*functions, f"export {{ {', '.join(map(_constant, modules))} }};", ""))


def _function(name: str, source: str) -> str:
    body = _IMPORT.sub(_taken, source)
    exported = [found["name"] for found in _EXPORT.finditer(body)]
    body = _EXPORT.sub(r"\g<kind> \g<name>", body)
    if left := _LEFT.search(body):
        raise ValueError(f"{name} has what cannot be bundled: {left[0]}")
    lines = "\n".join(line for line in body.splitlines() if line)
    return (
        f"const {_constant(name)} = (() => {{\n{lines}\nreturn {{ {', '.join(exported)} }};\n}})();"
    )


def _taken(found: re.Match[str]) -> str:
    constant = _constant(found["module"])
    if found["all"]:
        return f"const {found['all']} = {constant};"
    return f"const {{ {found['names'].replace(' as ', ': ')} }} = {constant};"


def _constant(name: str) -> str:
    return "$" + name.removesuffix(".js").replace("-", "_")
