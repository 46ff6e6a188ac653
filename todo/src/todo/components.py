"""The names of the components."""

from __future__ import annotations

QUEUE = "queue"
#: The parts of the system, in the order of starting.
WEB, API = "web", "api"
SAVE_HANDLER, AUDIT_HANDLER, MUTATING_HANDLER = "save-handler", "audit-handler", "mutating-handler"
SEARCH_HANDLER, CALENDAR_HANDLER = "search-handler", "calendar-handler"
WEBHOOK_HANDLER = "webhook-handler"

#: Those of which there may be several: they share the work.
SCALABLE = (
    SAVE_HANDLER,
    AUDIT_HANDLER,
    MUTATING_HANDLER,
    SEARCH_HANDLER,
    CALENDAR_HANDLER,
    WEBHOOK_HANDLER,
)
#: What `todo run` can run.
COMPONENTS = (WEB, API, *SCALABLE)
#: What `todo up` starts when it is not told otherwise; the others are features to add.
USUAL = (QUEUE, WEB, API, SAVE_HANDLER)
#: Those that read or write the database.
WITH_DATABASE = (WEB, API, SAVE_HANDLER, MUTATING_HANDLER, SEARCH_HANDLER, CALENDAR_HANDLER)
#: Why there is one of each of the others.
ONLY_ONE = {
    WEB: "web listens on one port",
    API: "api listens on one port",
    QUEUE: "queue is one server, with one store",
}
#: How many of one component are run on this machine at most.
MOST_OF_ONE = 100
#: The exit status of a component that is configured wrongly: starting it again will not help.
WRONG = 2
