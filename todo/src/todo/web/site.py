"""What all pages share."""

from __future__ import annotations

import gzip
from dataclasses import dataclass

from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, Response

from dovetail import MessageQueue
from todo.monitoring.metrics import Metrics
from todo.settings import Settings
from todo.store import Store
from todo.web.failures import Failures
from todo.web.live.live_pages import LivePages
from todo.web.notices import Notices, in_words
from todo.web.templating import Templates
from todo.web.viewer import viewer_of

#: Of gzip: the next ones take longer and save little.
_LEVEL = 4
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
    failures: Failures
    live: LivePages
    notices: Notices

    def page(
        self,
        asked_by: HTTPConnection,
        template: str,
        status: int = 200,
        headers: dict[str, str] | None = None,
        **context: object,
    ) -> HTMLResponse:
        """A response with one page, in the language and the time zone of whoever asks."""
        viewer = viewer_of(asked_by)
        context.setdefault("here", "")
        says = "notice" not in context
        if says:
            notice = self.notices.read(asked_by)
            context["notice"] = in_words(notice, viewer.language) if notice else None
        content = self.templates.render(template, viewer, **context)
        response = HTMLResponse(content, status, headers)
        pack(response, asked_by)
        if says:
            self.notices.take(asked_by, response)
        return response

    def error(
        self, asked_by: HTTPConnection, status: int, title: str, detail: str, **values: object
    ) -> HTMLResponse:
        """A response that says what went wrong and what to do; both are keys of the language's file."""
        said = viewer_of(asked_by).language.text
        return self.page(
            asked_by, "error.html", status, title=said(title), detail=said(detail, **values)
        )


def pack(response: Response, asked_by: HTTPConnection) -> None:
    """Compress it, for whoever takes that. A long list is a tenth of its size then."""
    if "gzip" not in asked_by.headers.get("accept-encoding", ""):
        return
    response.body = gzip.compress(bytes(response.body), _LEVEL, mtime=0)
    response.headers.update(
        {
            "Content-Encoding": "gzip",
            "Content-Length": str(len(response.body)),
            "Vary": "Accept-Encoding",
        }
    )
