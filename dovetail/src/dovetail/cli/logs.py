"""What the library logs, on stderr."""

from __future__ import annotations

import logging
from typing import TextIO

from dovetail.codec.escaping import LogFormatter


class Warnings(logging.StreamHandler[TextIO]):
    """Writes them on stderr, and knows whether there were any."""

    spoke = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write one."""
        self.spoke = True
        super().emit(record)


def warned() -> bool:
    """Whether the library warned of something."""
    return any(
        isinstance(one, Warnings) and one.spoke for one in logging.getLogger("dovetail").handlers
    )


def show_warnings() -> None:
    """Show the library's warnings: that the connection was lost, and that it is back."""
    logger = logging.getLogger("dovetail")
    if not logger.handlers:
        handler = Warnings()
        handler.setFormatter(LogFormatter("%(asctime)s %(message)s", "%H:%M:%S"))
        logger.addHandler(handler)
        logger.propagate = False


def show_everything(prefix: str) -> None:
    """Show what the library and the handlers log, from INFO on, unless they arranged that themselves."""
    if logging.getLogger().handlers:
        return
    library = logging.getLogger("dovetail")
    for handler in [*library.handlers]:
        library.removeHandler(handler)
    library.propagate = True
    handler = logging.StreamHandler()
    handler.setFormatter(
        LogFormatter(f"{prefix}%(asctime)s %(levelname)s %(name)s: %(message)s", "%H:%M:%S")
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler])
