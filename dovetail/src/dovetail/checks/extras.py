"""How to get what an optional part of the library needs."""

from __future__ import annotations

#: What is installed. The import is `dovetail`; a distribution of that name is a stranger's.
DISTRIBUTION = "dovetail-messaging"


def how_to_get(package: str, extra: str) -> str:
    """What to type for a package that is not there, and the extra that would have brought it."""
    wanted = f"'{package}'" if "[" in package else package
    return f"pip install {wanted} (or '{DISTRIBUTION}[{extra}]')"


def missing(error: ModuleNotFoundError) -> str:
    """The package that could not be imported."""
    return str(error.name).partition(".")[0]


def missing_for(module: str, package: str, extra: str, error: ModuleNotFoundError) -> Exception:
    """What importing our module raises where `package` is not there."""
    what = f"{module} needs {missing(error)}: {how_to_get(package, extra)}"
    return ModuleNotFoundError(what, name=error.name)
