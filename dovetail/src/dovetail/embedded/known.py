"""What was known of the store when all was well, so that what is missing later is not missing silently."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

import msgspec

from dovetail.embedded.folder import Sync
from dovetail.embedded.monitor import Stream
from dovetail.embedded.private import write_private

#: Where Linux tells it.
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class KnownStream(msgspec.Struct):
    """One stream as it was."""

    created: str
    messages: int
    last_seq: int
    waiting: int


class Known(msgspec.Struct):
    """The store as it was. `final`: nothing was stored after that, since the server ended in order.

    `boot` is the kernel's name for the time between two starts of the machine, empty where it has none.
    """

    at: datetime
    final: bool
    streams: dict[str, KnownStream]
    boot: str = ""
    sync: Sync = "interval"

    @property
    def may_lack_the_last(self) -> bool:
        """Whether the machine went down while the server ran, and it may have had to sync something."""
        now = _boot()
        went_down = bool(self.boot and now) and self.boot != now
        return went_down and not self.final and self.sync != "always"


def known_now(
    streams: Mapping[str, Stream], *, final: bool = False, sync: Sync = "interval"
) -> Known:
    """What is to be remembered of the store as it is."""
    return Known(
        datetime.now(UTC),
        final,
        {
            one.name: KnownStream(one.created, one.state.messages, one.state.last_seq, one.waiting)
            for one in streams.values()
        },
        _boot(),
        sync,
    )


def _boot() -> str:
    with contextlib.suppress(OSError):
        return BOOT_ID.read_text().strip()
    return ""


def missing(known: Known, streams: Mapping[str, Stream]) -> list[str]:
    """What the store had and has no more, in words.

    What was handled is trimmed, so that there are fewer messages says something only where nobody can have
    trimmed since. Sequences are never given twice.
    """
    found = (
        (name, before, _missing(before, streams.get(name), final=known.final))
        for name, before in known.streams.items()
    )
    return [
        f"{words} of the stream {name}{_unhandled(before)}"
        for name, before, words in found
        if words
    ]


def _missing(before: KnownStream, now: Stream | None, *, final: bool) -> str:
    if now is None or now.created != before.created:
        return f"all {before.messages} messages" if before.messages else ""
    if (lost := before.last_seq - now.state.last_seq) > 0:
        return f"the newest {lost} messages"
    if final and (fewer := before.messages - now.state.messages) > 0:
        return f"{fewer} of {before.messages} messages"
    return ""


def _unhandled(before: KnownStream) -> str:
    return f" ({before.waiting} had yet to be handled)" if before.waiting else ""


class KnownFile:
    """Where it is kept: beside the folder of the store, which may go as a whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()

    def read(self) -> Known | None:
        """What was known last; None where nothing was."""
        with contextlib.suppress(OSError, msgspec.DecodeError):
            return msgspec.json.decode(self.path.read_bytes(), type=Known)
        return None

    def write(self, known: Known) -> None:
        """Replace it in one step, also where the power fails. On a full disk the old one stays.

        May be called from any thread.
        """
        new = self.path.with_suffix(".new")
        with self._lock, contextlib.suppress(OSError):
            write_private(new, msgspec.json.encode(known), sync=True)
            new.replace(self.path)
