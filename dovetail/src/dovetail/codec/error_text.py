"""What an error says, as text that every log, header and terminal can hold."""

from __future__ import annotations

import msgspec

from dovetail.limits import REASON_LENGTH


def describe(error: BaseException) -> str:
    """An error's class and text on one line, whatever that text holds."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - an error of somebody else's, with a __str__ that fails
        text = "(its text cannot be read)"
    said = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return shortened(encodable(said), REASON_LENGTH)


def shortened(text: str, length: int) -> str:
    """No longer than that: a dead letter carries it beside a message as large as the queue takes."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def last_bytes(text: str, most: int) -> str:
    """The end of it, as long as it has no more bytes in JSON."""
    while (size := len(msgspec.json.encode(text))) > most:
        text = text[-(len(text) * most // size) :]
    return text


def encodable(text: str) -> str:
    """With halves of characters, as in names of files that are no UTF-8, written out."""
    return text.encode(errors="backslashreplace").decode()
