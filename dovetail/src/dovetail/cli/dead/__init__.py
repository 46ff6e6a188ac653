"""`dovetail dead`: dead letters."""

from __future__ import annotations

from dovetail.cli.lazy import Lazy, LazyGroup

_LIST_SHOW = "dovetail.cli.dead.list_show"
_REPLAY_DROP = "dovetail.cli.dead.replay_drop"

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
        "list": Lazy(_LIST_SHOW, "list_letters", "List them, newest first."),
        "show": Lazy(_LIST_SHOW, "show_letter", "Show everything about one."),
        "replay": Lazy(_REPLAY_DROP, "replay", "Hand them back to the group that failed."),
        "drop": Lazy(_REPLAY_DROP, "drop", "Remove them for good."),
    },
)
