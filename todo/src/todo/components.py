"""The names of the components."""

from __future__ import annotations

QUEUE = "queue"
#: The parts of the system, in the order of starting.
WEB, API = "web", "api"
SAVE_HANDLER, AUDIT_HANDLER, MUTATING_HANDLER = "save-handler", "audit-handler", "mutating-handler"

#: What `todo run` can run.
COMPONENTS = (WEB, API, SAVE_HANDLER, AUDIT_HANDLER, MUTATING_HANDLER)
#: What `todo up` starts when it is not told otherwise; the others are features to add.
USUAL = (QUEUE, WEB, API, SAVE_HANDLER)
#: Those of which there may be several: they share the work.
SCALABLE = (SAVE_HANDLER, AUDIT_HANDLER, MUTATING_HANDLER)
#: The exit status of a component that is configured wrongly: starting it again will not help.
WRONG = 2
