"""Addresses of databases: which are allowed, and how they are shown without their password."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, urlsplit

#: What a user may write, in one sentence for error messages.
ALLOWED = "sqlite:///path/to/file.db or postgresql://user:password@host:5432/database"

#: scheme → (kind of database, the same for SQLAlchemy)
_SCHEMES: dict[str, tuple[Literal["sqlite", "postgresql"], str]] = {
    "sqlite": ("sqlite", "sqlite+aiosqlite"),
    "sqlite+aiosqlite": ("sqlite", "sqlite+aiosqlite"),
    "postgres": ("postgresql", "postgresql+asyncpg"),
    "postgresql": ("postgresql", "postgresql+asyncpg"),
    "postgresql+asyncpg": ("postgresql", "postgresql+asyncpg"),
}
#: libpq's name for it → asyncpg's
_OPTIONS = {"sslmode": "ssl", "ssl": "ssl", "host": "host"}
_TLS_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


@dataclass(frozen=True)
class Address:
    """Where a database is."""

    kind: Literal["sqlite", "postgresql"]
    #: For SQLAlchemy; it may hold a password.
    url: str
    #: For people and logs.
    shown: str
    #: Of SQLite.
    file: Path | None = None
    #: What a user would change to have another.
    setting: str = "TODO_DATABASE_URL"


def parse(url: str) -> Address:
    """The address behind a URL; ValueError says what is wrong, without repeating a password."""
    scheme, colon, rest = url.partition(":")
    if not colon or scheme.lower() not in _SCHEMES:
        what = f"the scheme {scheme!r}" if colon else "no scheme"
        raise ValueError(f"has {what}")
    kind, driver = _SCHEMES[scheme.lower()]
    return _sqlite(driver, rest) if kind == "sqlite" else _postgresql(driver, rest)


def _sqlite(driver: str, rest: str) -> Address:
    path = rest.removeprefix("///")
    if path == rest or not path or path.startswith(":memory:"):
        raise ValueError("names no file, and the components could not share a database in memory")
    if "?" in path:
        raise ValueError("has options, and there are none for a file")
    return Address("sqlite", f"{driver}:///{path}", f"sqlite:///{path}", Path(path))


def _postgresql(driver: str, rest: str) -> Address:
    try:
        parts = urlsplit(f"postgresql:{rest}")
    except ValueError:
        raise ValueError(
            "has a host that cannot be read; an IPv6 address is written [::1]"
        ) from None
    options = parse_qsl(parts.query, keep_blank_values=True)
    _check(options)
    if parts.fragment:
        raise ValueError("has a '#'; in a user or password it is written %23")
    if not rest.startswith("//") or not (parts.hostname or "host" in dict(options)):
        raise ValueError("names no host")
    if not parts.path.strip("/"):
        raise ValueError("names no database")
    if "/" in parts.path[1:]:
        raise ValueError("has more than one '/' after the host; in a password it is written %2F")
    query = "&".join(f"{_OPTIONS[name]}={value}" for name, value in options)
    place = f"{_place(parts)}{parts.path}"
    login, at, _ = parts.netloc.rpartition("@")
    end = f"?{query}" if query else ""
    return Address("postgresql", f"{driver}://{login}{at}{place}{end}", f"postgresql://{place}")


def _check(options: list[tuple[str, str]]) -> None:
    names = [name for name, _ in options]
    for name, value in options:
        if name not in _OPTIONS:
            raise ValueError(
                f"has the option {name!r}; known are sslmode and host (the socket's folder)"
            )
        if names.count(name) > 1 or {"ssl", "sslmode"} <= {*names}:
            raise ValueError(f"has the option {name!r} twice")
        if not value:
            raise ValueError(f"has the option {name!r} without a value")
        if _OPTIONS[name] == "ssl" and value not in _TLS_MODES:
            raise ValueError(f"has {name}={value}; known are {', '.join(_TLS_MODES)}")


def _place(parts: SplitResult) -> str:
    """Host and port, checked."""
    try:
        port = parts.port
    except ValueError:
        raise ValueError("has a port that is no number from 1 to 65535") from None
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"
