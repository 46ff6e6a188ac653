"""`dovetail dead`: dead letters."""

from __future__ import annotations

from dovetail.cli.lazy import Lazy, LazyGroup

_LOOKING = "dovetail.cli.dead.looking"
_CHANGING = "dovetail.cli.dead.changing"

HELP = """Dead letters: messages that a group gave up, kept with the reason for you to decide.

\b
dovetail dead list nats://localhost:4222 --group save-handler
dovetail dead show nats://localhost:4222 17
dovetail dead replay nats://localhost:4222 17
"""

command = LazyGroup(
    name="dead",
    help=HELP,
    lazy={
        "list": Lazy(_LOOKING, "list_letters", "List them, newest first."),
        "show": Lazy(_LOOKING, "show_letter", "Show everything about one."),
        "replay": Lazy(_CHANGING, "replay", "Hand them back to the group that failed."),
        "drop": Lazy(_CHANGING, "drop", "Remove them for good."),
    },
)
