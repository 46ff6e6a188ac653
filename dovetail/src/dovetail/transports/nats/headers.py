"""Header blocks of NATS messages."""

from __future__ import annotations

from collections.abc import Mapping

#: How the answer to a request begins that nobody listens to.
NO_RESPONDERS = b"NATS/1.0 503"
#: Stands in the header block of a message that JetStream is to store once.
MESSAGE_ID = b"\r\nNats-Msg-Id:"


def parse_headers(block: bytes) -> dict[str, str]:
    """The fields of a header block; the last one counts where a name stands twice."""
    fields = {}
    for line in block.split(b"\r\n")[1:]:
        name, colon, value = line.partition(b":")
        if colon:
            fields[name.decode(errors="replace").strip()] = value.decode(errors="replace").strip()
    return fields


def header_block(fields: Mapping[str, str]) -> bytes:
    """Fields as a header block."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"NATS/1.0\r\n{lines}\r\n".encode()
