"""What commands give, and how it is written: RESP3 for clients, tables for Lua scripts."""

from __future__ import annotations

from typing import Any


class RedisError(Exception):
    """What the server answers as an error; its first word is the code."""


class Simple(bytes):
    """A status such as OK."""


class Push(list[Any]):
    """Sent unasked."""


OK = Simple(b"OK")


def not_simulated(what: str) -> RedisError:
    """For all that our transport does not send."""
    return RedisError(f"ERR not simulated: {what}")


def encoded(value: Any) -> bytes:
    """The value in RESP3."""
    match value:
        case None:
            return b"_\r\n"
        case RedisError():
            return b"-%s\r\n" % str(value).encode()
        case Simple():
            return b"+%s\r\n" % value
        case bytes():
            return b"$%d\r\n%s\r\n" % (len(value), value)
        case int():
            return b":%d\r\n" % value
        case dict():
            pairs = (encoded(key) + encoded(one) for key, one in value.items())
            return b"%%%d\r\n%s" % (len(value), b"".join(pairs))
        case list():
            kind = b">" if isinstance(value, Push) else b"*"
            return b"%s%d\r\n%s" % (kind, len(value), b"".join(map(encoded, value)))
    raise TypeError(f"no reply: {value!r}")


def flat(value: Any) -> Any:
    """As RESP2 has it, which scripts get: maps are lists of keys and values."""
    if isinstance(value, dict):
        return [flat(one) for pair in value.items() for one in pair]
    return [flat(one) for one in value] if isinstance(value, list) else value
