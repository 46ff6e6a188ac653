"""Finding the groups that `dovetail run MODULE:NAME` names."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from dovetail.cli.exit_status import Ending
from dovetail.cli.output import one_line
from dovetail.errors import ConfigurationError, DovetailError
from dovetail.group import Group

_OURS = str(Path(__file__).parents[1]) + os.sep


def find(target: str) -> Any:
    """What MODULE:NAME stands for; ConfigurationError says what there is instead."""
    module_name, colon, name = target.partition(":")
    if not (module_name and colon and name):
        raise ConfigurationError(f"{target!r} is not MODULE:NAME, as in 'app.handlers:group'")
    sys.path.insert(0, os.getcwd())
    found: Any = _module(module_name)
    for part in name.split("."):
        if not hasattr(found, part):
            raise ConfigurationError(f"{module_name!r} has no {name!r}; it has {_offers(found)}")
        found = getattr(found, part)
    return found


async def groups_from(found: Any, target: str) -> list[Group]:
    """The groups that it is, or that it makes."""
    if callable(found) and not isinstance(found, Group):
        found = await _made(found, target)
    groups = [found] if isinstance(found, Group) else found
    if not isinstance(groups, list | tuple) or not all(isinstance(one, Group) for one in groups):
        raise ConfigurationError(
            f"{target} is {_kind(found)}; it must be a Group, a list of them, or a function for it"
        )
    if not groups:
        raise ConfigurationError(f"{target} is an empty list of groups")
    return [*groups]


async def _made(function: Any, target: str) -> Any:
    try:
        inspect.signature(function).bind()
    except TypeError as error:
        raise ConfigurationError(f"{target} cannot be called without arguments: {error}") from error
    try:
        made = function()
        return await made if inspect.isawaitable(made) else made
    except Exception as error:
        raise _failure(f"calling {target}", error) from error


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise ConfigurationError(f"there is no module {error.name!r}; {_files()}") from error
        raise _failure(f"importing {name}", error) from error
    except Exception as error:
        raise _failure(f"importing {name}", error) from error


def _failure(doing: str, error: Exception) -> Ending:
    """The user's own code raised: where, and what."""
    frames = traceback.extract_tb(error.__traceback__)
    # What is wrong with an option is found by ours, and made by theirs.
    theirs = [one for one in frames if not one.filename.startswith(_OURS)]
    frame = (theirs or frames)[-1] if isinstance(error, DovetailError) else frames[-1]
    place = f"{frame.filename}, line {frame.lineno}"
    if isinstance(error, SyntaxError) and error.filename:
        place = f"{error.filename}, line {error.lineno}"
    said = one_line(f"{type(error).__name__}: {error}")
    return Ending(f"dovetail: {doing} failed in {place}: {said}")


def _files() -> str:
    here = Path.cwd()
    names = {path.stem for path in here.glob("*.py")} | {
        path.parent.name for path in here.glob("*/__init__.py")
    }
    listed = ", ".join(sorted(names)[:10]) or "no modules"
    return f"{here} has {listed}"


def _offers(module: Any) -> str:
    """The groups in a module, else its functions."""
    members = {name: value for name, value in vars(module).items() if not name.startswith("_")}
    groups = [name for name, value in members.items() if _is_groups(value)]
    own = getattr(module, "__name__", None)
    functions = [
        name
        for name, value in members.items()
        if inspect.isfunction(value) and value.__module__ == own
    ]
    if groups:
        return f"{'these groups' if len(groups) > 1 else 'the group'}: {', '.join(groups)}"
    return f"no groups, and the functions {', '.join(functions)}" if functions else "no groups"


def _is_groups(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return bool(value) and all(isinstance(one, Group) for one in value)
    return isinstance(value, Group)


def _kind(value: Any) -> str:
    if not isinstance(value, list | tuple):
        return f"of the type {type(value).__name__}"
    others = {type(one).__name__ for one in value if not isinstance(one, Group)}
    return f"a list with {', '.join(sorted(others))}"
