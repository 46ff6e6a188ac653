"""Answers to a form: a page for a browser, JSON for the scripts of a page."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from dovetail import QueueError, QueueUnavailable
from todo.http.body import BodyTooLarge
from todo.http.limits import MAX_FORM
from todo.web.forms import (
    BrokenForm,
    WrongContentType,
    is_cross_site,
    place_of_ours,
    read_form,
)
from todo.web.item_json import ItemJson
from todo.web.language import Language
from todo.web.notices import Notice
from todo.web.site import RETRY_AFTER, Site
from todo.web.viewer import viewer_of

Fields = dict[str, str]


class Accepted(msgspec.Struct, frozen=True):
    """What a script learns of a change; `ids` are the items where there are several."""

    item: ItemJson | None
    change: str
    undo: object = None
    ids: list[str] = []
    #: The text that somebody else had given it meanwhile.
    replaced: str | None = None
    #: All changes of a step that has several, by their fields.
    changes: dict[str, str] = {}


class Refusal(Exception):
    """Nothing was accepted; title and detail are keys of the language's file, `said` is a sentence."""

    def __init__(
        self, status: int, title: str, detail: str = "", said: str = "", **values: object
    ) -> None:
        super().__init__(title)
        self.status, self.title, self.detail, self.values = status, title, detail, values
        self.said = said

    def sentence(self, language: Language) -> str:
        """Why, in this language."""
        return self.said or language.text(self.detail, **self.values)


@dataclass(frozen=True)
class Form:
    """The fields of a form, and the request that sent it."""

    request: Request
    fields: Fields = field(default_factory=dict)

    @property
    def wants_json(self) -> bool:
        """Whether a script has sent it."""
        return "application/json" in self.request.headers.get("accept", "")

    @property
    def place(self) -> str:
        """Where it leads."""
        return place_of_ours(self.fields.get("next", ""))


async def form_of(request: Request) -> Form:
    """The form, or Refusal; ClientDisconnect where there is nobody to answer any more."""
    if is_cross_site(request):
        raise Refusal(403, "error_cross", "error_cross_detail")
    try:
        return Form(request, await read_form(request))
    except BodyTooLarge as error:
        raise Refusal(413, "error_large", "error_large_detail", n=MAX_FORM // 1024) from error
    except (WrongContentType, BrokenForm) as error:
        status = 415 if isinstance(error, WrongContentType) else 400
        raise Refusal(status, "error_form", "error_form_detail") from error


def accepted(site: Site, form: Form, answer: Accepted, notice: Notice) -> Response:
    """It was accepted: the page that the form leads to says so."""
    if form.wants_json:
        return Response(msgspec.json.encode(answer), 202, media_type="application/json")
    response = RedirectResponse(form.place, 303)
    site.notices.put(response, notice)
    return response


def refused(site: Site, form: Form, error: Refusal) -> Response:
    """It was not accepted: a page that says why, or a sentence for the script to show."""
    headers = RETRY_AFTER if error.status == 503 else None
    language = viewer_of(form.request).language
    said = error.sentence(language)
    if form.wants_json:
        body = msgspec.json.encode({"error": said})
        return Response(body, error.status, headers, media_type="application/json")
    title = language.text(error.title)
    return site.page(form.request, "error.html", error.status, headers, title=title, detail=said)


def not_accepted(error: QueueError, *, connected: bool, what: str = "accepted") -> str:
    """Why the queue took nothing, as a key of the language's file; `what` is accepted or changed."""
    if isinstance(error, QueueUnavailable):
        return f"not_{what}_confirm" if connected else f"not_{what}_reach"
    return f"not_{what}_full"
