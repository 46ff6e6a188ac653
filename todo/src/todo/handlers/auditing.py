"""The audit-handler: a line for every new item."""

from __future__ import annotations

import logging
import re

from dovetail import Group
from todo.events import NewItem

#: What is logged here is written as it is, without time and level.
log = logging.getLogger("todo.audit")

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def audit_handler() -> Group:
    """Writes `AUDIT @ <date>: <text>`."""
    group = Group("audit-handler")

    @group.on(NewItem)
    async def audit(event: NewItem) -> None:
        log.info("AUDIT @ %s: %s", event.item.date_added.isoformat(), _on_one_line(event.item.item))

    return group


def _on_one_line(text: str) -> str:
    """The text with its control characters escaped, so that none can pass for a line of the audit."""
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)
