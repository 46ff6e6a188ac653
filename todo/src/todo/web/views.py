"""The parts of pages that update themselves, by a name that stands in their address."""

from __future__ import annotations

import re

from dovetail import MessageQueue
from todo.store import Store
from todo.web.listing import Listing, read_listing
from todo.web.templating import Templates

#: `home`, `list`, or `list-` and the id that a page of older items begins behind.
_NAME = re.compile(r"(?P<page>home|list)(-(?P<before>[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}))?")


class Views:
    """Reads and renders them."""

    def __init__(self, queue: MessageQueue, store: Store, templates: Templates) -> None:
        self._queue = queue
        self._store = store
        self._templates = templates

    async def read(self, name: str) -> Listing:
        """What a view shows; its name must exist."""
        found = _NAME.fullmatch(name)
        assert found is not None, name
        return await read_listing(self._queue, self._store, found["before"])

    async def render(self, name: str) -> tuple[str, bool]:
        """The part of the page, and whether it is likely to change by itself soon."""
        listing = await self.read(name)
        template = f"{name.split('-', 1)[0]}_live.html"
        return self._templates.render(template, listing=listing, view=name), listing.unsettled


def exists(name: str) -> bool:
    """Whether there is a view of this name."""
    return _NAME.fullmatch(name) is not None


def list_view(before: str) -> str:
    """The view of the list that begins behind this id; the newest where it is no id."""
    name = f"list-{before.lower()}"
    return name if exists(name) else "list"
