"""Addresses of databases."""

from __future__ import annotations

import pytest

from todo.store.address import parse


@pytest.mark.parametrize(
    ("url", "driver_url", "shown"),
    [
        ("sqlite:///a/b.db", "sqlite+aiosqlite:///a/b.db", "sqlite:///a/b.db"),
        ("sqlite:////a/b.db", "sqlite+aiosqlite:////a/b.db", "sqlite:////a/b.db"),
        ("sqlite+aiosqlite:///b.db", "sqlite+aiosqlite:///b.db", "sqlite:///b.db"),
        ("postgres://h/d", "postgresql+asyncpg://h/d", "postgresql://h/d"),
        ("postgresql://u:p@h:5433/d", "postgresql+asyncpg://u:p@h:5433/d", "postgresql://h:5433/d"),
        ("postgresql+asyncpg://u@h/d", "postgresql+asyncpg://u@h/d", "postgresql://h/d"),
        ("postgresql://u:p%40%3A@h/d", "postgresql+asyncpg://u:p%40%3A@h/d", "postgresql://h/d"),
        (
            "postgresql://u:p@[::1]:5/d",
            "postgresql+asyncpg://u:p@[::1]:5/d",
            "postgresql://[::1]:5/d",
        ),
        (
            "postgresql://h/d?sslmode=require",
            "postgresql+asyncpg://h/d?ssl=require",
            "postgresql://h/d",
        ),
        ("postgresql:///d?host=/run", "postgresql+asyncpg:///d?host=/run", "postgresql:///d"),
    ],
)
def test_what_is_allowed(url: str, driver_url: str, shown: str) -> None:
    address = parse(url)
    assert (address.url, address.shown) == (driver_url, shown)


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("", "no scheme"),
        ("todo.db", "no scheme"),
        ("mysql://u:secret@h/d", "the scheme 'mysql'"),
        ("u:secret@h/d", "the scheme 'u'"),
        ("sqlite://", "names no file"),
        ("sqlite:", "names no file"),
        ("sqlite:todo.db", "names no file"),
        ("sqlite:///", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:///a.db?mode=ro", "options"),
        ("postgresql://u:secret@/d", "no host"),
        ("postgresql:///d", "no host"),
        ("postgresql:h/d", "no host"),
        ("postgresql://u:secret@h", "no database"),
        ("postgresql://u:secret@h/", "no database"),
        ("postgresql://u:secret@h:port/d", "port"),
        ("postgresql://u:secret@h:99999/d", "port"),
        ("postgresql://u:secret@h/d?schema=x", "'schema'"),
        ("postgresql://u:secret@h/d?sslmode=bogus", "sslmode=bogus; known are disable"),
        ("postgresql://u:secret@h/d?ssl=true", "ssl=true; known are disable"),
        ("postgresql://u:secret@h/d?sslmode=", "'sslmode' without a value"),
        ("postgresql://u:secret@h/d?sslmode", "'sslmode' without a value"),
        ("postgresql://u:secret@h/d?host=/a&host=/b", "'host' twice"),
        ("postgresql://u:secret@h/d?ssl=require&sslmode=require", "twice"),
        ("postgresql://u:secret@h/d#x", "'#'; in a user or password"),
        ("postgresql://u:sec/secret@h/d", "more than one '/'"),
        ("postgresql://u:secret@[::1/d", "an IPv6 address is written"),
    ],
)
def test_what_is_not(url: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as raised:
        parse(url)
    assert "secret" not in str(raised.value)
