"""`dovetail group`: what an operator does with groups."""

from __future__ import annotations

from dovetail.cli.lazy import Lazy, LazyGroup

_RENAME_REMOVE = "dovetail.cli.group.rename_remove"

HELP = """Groups: who handles what, whether anybody runs, and the end of those that are not needed any more.

\b
dovetail group list nats://localhost:4222
dovetail group rename nats://localhost:4222 save-handler saver
dovetail group remove nats://localhost:4222 audit-handler
"""

command = LazyGroup(
    name="group",
    help=HELP,
    lazy={
        "list": Lazy("dovetail.cli.group.list", "list_groups", "List them, with who runs."),
        "rename": Lazy(_RENAME_REMOVE, "rename", "Give one another name, with all it has."),
        "remove": Lazy(_RENAME_REMOVE, "remove", "Forget one, or one of its subjects, for good."),
    },
)
