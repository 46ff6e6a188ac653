"""Text that is not ours, made harmless for whoever reads it: on a terminal, in a log, as JSON.

Every line that the command line prints, and every line of a log that `LogFormatter` makes, passes here.
"""

from __future__ import annotations

import logging
import re

#: What steers a terminal, ends a line, turns its order around or cannot be seen: the general categories Cc,
#: Cs, Zl, Zp, and of Cf all but what scripts and emoji are written with (ZWNJ, ZWJ, Arabic number signs).
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0001\U000e0020-\U000e007f]"
)


def printable(text: str, *, json: bool = False) -> str:
    """The text with line ends, control and bidirectional characters written out: `\\n`, `\\x1b`, `\\u202e`.

    With `json` the text is JSON, and they are written as JSON does, so that it says the same as before.
    """
    if text.isprintable():  # nearly always, and quick
        return text
    return _UNSAFE.sub(_json_escape if json else _escape, text)


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def _json_escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))


class LogFormatter(logging.Formatter):
    """A record on one line, whatever is in it; only a traceback has more, and they are indented.

    So nothing that came in a message can pass for a line of the log, or steer a terminal.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record's line, and what belongs to it below."""
        record.message = record.getMessage()
        if self.usesTime():
            record.asctime = self.formatTime(record, self.datefmt)
        blocks = []
        if record.exc_info:  # not exc_text, which may be another formatter's
            blocks.append(self.formatException(record.exc_info))
        elif record.exc_text:
            blocks.append(record.exc_text)
        if record.stack_info:
            blocks.append(record.stack_info)
        below = [row for block in blocks for row in block.split("\n")]
        return "\n".join([printable(self.formatMessage(record)), *map(_indented, below)])


def _indented(row: str) -> str:
    return f"  {printable(row)}".rstrip()
