"""What the next page says once about what was just done, and how to undo it."""

from __future__ import annotations

import base64
import binascii
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from starlette.requests import HTTPConnection
from starlette.responses import Response

from dovetail import new_id
from todo.web.language import Language

#: Characters of a cookie; browsers take 4096 with its name.
_MOST_IN_COOKIE = 3000
#: Longer ones that this process remembers instead: each is as long as a form at most.
_MOST_KEPT = 20
_SECONDS = 120
#: Where an undo may be sent.
_URL = re.compile(r"/items/[\w/.~%-]+", re.ASCII)


class Undo(msgspec.Struct, frozen=True):
    """The form that takes something back."""

    url: str
    fields: Mapping[str, str] = {}


class Notice(msgspec.Struct, frozen=True):
    """`said` and `also` are keys of the language's file, `values` what is put into them."""

    said: str
    values: Mapping[str, str | int] = {}
    undo: Undo | None = None
    also: str = ""
    #: Where there is more about it.
    link: str = ""


@dataclass(frozen=True)
class Said:
    """A notice in words."""

    text: str
    undo: Undo | None
    link: str


class Notices:
    """Carries notices from one page to the next in a cookie, whose content is not trusted."""

    def __init__(self, cookie: str) -> None:
        self._cookie = cookie
        self._kept: OrderedDict[str, str] = OrderedDict()

    def put(self, response: Response, notice: Notice) -> None:
        """The page to which this response leads says it."""
        text = base64.urlsafe_b64encode(msgspec.json.encode(notice)).decode().rstrip("=")
        if len(text) > _MOST_IN_COOKIE:
            text = self._keep(text)
        response.set_cookie(
            self._cookie, text, max_age=_SECONDS, httponly=True, samesite="lax", path="/"
        )

    def read(self, asked_by: HTTPConnection) -> Notice | None:
        """What is to be said, if anything."""
        text = asked_by.cookies.get(self._cookie, "")
        text = self._kept.get(text, text)
        try:
            content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            notice = msgspec.json.decode(content, type=Notice)
        except (binascii.Error, ValueError, msgspec.MsgspecError):
            return None
        if notice.undo and not _URL.fullmatch(notice.undo.url):
            return None
        return notice

    def take(self, asked_by: HTTPConnection, response: Response) -> None:
        """It was said."""
        if self._cookie in asked_by.cookies:
            response.delete_cookie(self._cookie, httponly=True, samesite="lax", path="/")

    def _keep(self, text: str) -> str:
        key = new_id()
        self._kept[key] = text
        if len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return key


def in_words(notice: Notice, language: Language) -> Said | None:
    """The notice for its viewer; None where its words are not known."""
    values = dict(notice.values)
    if not values.get("item", True):
        values["item"] = language.text("an_item")
    try:
        words = [language.text(key, **values) for key in (notice.said, notice.also) if key]
    except KeyError:
        return None
    return Said(" ".join(words), notice.undo, notice.link)
