"""What all pages share."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import HTMLResponse

from dovetail import MessageQueue
from todo.monitoring.metrics import Metrics
from todo.settings import Settings
from todo.store import Store
from todo.web.live import LivePages
from todo.web.templating import Templates
from todo.web.views import Views

#: Seconds after which a browser may try again.
RETRY_AFTER = {"Retry-After": "2"}


@dataclass(frozen=True)
class Site:
    """Everything that a page may need."""

    queue: MessageQueue
    store: Store
    settings: Settings
    metrics: Metrics
    templates: Templates
    views: Views
    live: LivePages

    def page(
        self,
        template: str,
        status: int = 200,
        headers: dict[str, str] | None = None,
        **context: object,
    ) -> HTMLResponse:
        """A response with one page."""
        context.setdefault("here", "")
        return HTMLResponse(self.templates.render(template, **context), status, headers)

    def error(self, status: int, title: str, detail: str) -> HTMLResponse:
        """A response that says what went wrong and what to do."""
        return self.page("error.html", status, title=title, detail=detail)
