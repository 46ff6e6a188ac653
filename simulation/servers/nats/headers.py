"""Header blocks of messages."""

from __future__ import annotations

#: What a real server would act on, and this one does not.
_SPECIAL = (
    b"Nats-Expected-Last",
    b"Nats-Rollup",
    b"Nats-TTL",
    b"Nats-Incr",
    b"Nats-Batch",
    b"Nats-Schedule",
    b"Nats-Required-Api-Level",
)


def field(block: bytes, name: str) -> str:
    """The first of this name; empty where there is none."""
    begin = block.find(f"\r\n{name}:".encode())
    if begin < 0:
        return ""
    start = begin + len(name) + 3
    return block[start : block.index(b"\r\n", start)].strip().decode("utf-8", "surrogateescape")


def special(block: bytes) -> str | None:
    """The first field that is not simulated."""
    if block.count(b"\r\nNats-") > block.count(b"\r\nNats-Msg-Id:"):
        for line in block.split(b"\r\n"):
            if line.startswith(_SPECIAL):
                return line.split(b":")[0].decode()
    return None


def with_fields(block: bytes, fields: dict[str, str]) -> bytes:
    """The block with more fields at its end."""
    begin = block[:-2] if block else b"NATS/1.0\r\n"
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return begin + lines.encode("utf-8", "surrogateescape") + b"\r\n"


def status(code: int, text: str = "", fields: dict[str, object] | None = None) -> bytes:
    """A block that says what became of a request."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in (fields or {}).items())
    return f"NATS/1.0 {code}{text and ' ' + text}\r\n{lines}\r\n".encode()
