"""Entity tags, and requests that are meant for one of them only (RFC 9110, sections 8.8.3 and 13.1).

The tag is made of all that can be changed, so it is another one after every change, in whatever order changes
come. One that was given while something waited to be saved ends in `a` and is good for If-Match afterwards,
too: saving changes nothing.
"""

from __future__ import annotations

import re
from hashlib import blake2b

import msgspec

from todo.api import problems
from todo.api.headers import Headers
from todo.api.problems import Refused
from todo.api.schemas import Status
from todo.current_item import CurrentItem
from todo.items import Item

#: A list of entity tags as clients should send it, as a regular expression of ECMAScript.
TAGS_PATTERN = r'^(\*|(W/)?"[!#-~]*"(, ?(W/)?"[!#-~]*")*)$'

#: One of them, and all that a list may be besides: with empty elements, and bytes above ASCII.
_TAG = r'(W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_TAGS = re.compile(rf"\*|[ \t]*(,[ \t]*)*{_TAG}([ \t]*,([ \t]*{_TAG})?)*[ \t]*")
_ONE = re.compile(_TAG)
#: Of the hash, in bytes.
_SIZE = 12
_WAITING = "a"

_IF_MATCH = ("If-Match", b"if-match")
_IF_NONE_MATCH = ("If-None-Match", b"if-none-match")

_encode = msgspec.json.Encoder().encode


def entity_tag(item: Item, status: Status) -> str:
    """The ETag of an item that is shown like this."""
    content = (item.item, item.done, item.due, item.tags, item.notes, item.position, item.version)
    digest = blake2b(_encode(content), digest_size=_SIZE).hexdigest()
    return f'"{digest}{_WAITING if status == "accepted" else ""}"'


def check_preconditions(headers: Headers, found: CurrentItem) -> None:
    """Raise Refused where the request is meant for an item other than this one."""
    wanted, unwanted = _tags(headers, *_IF_MATCH), _tags(headers, *_IF_NONE_MATCH)
    if found.there is None:
        return
    tag = entity_tag(found.there, found.status)
    if wanted is not None:
        if not is_meant(wanted, tag):
            raise Refused(problems.changed_meanwhile(tag))
        if wanted != ["*"] and not found.certain:
            raise Refused(problems.not_known())
    if unwanted is not None and is_known(unwanted, tag):
        raise Refused(problems.changed_meanwhile(tag))


def has_it(headers: Headers, tag: str) -> bool:
    """Whether whoever asks has what has this tag already."""
    known = _tags(headers, *_IF_NONE_MATCH)
    return known is not None and is_known(known, tag)


def is_meant(tags: list[str], tag: str) -> bool:
    """Whether one of these, of an If-Match header, stands for what has this tag; weak ones never do."""
    return tags == ["*"] or _content(tag) in map(_content, tags)


def is_known(tags: list[str], tag: str) -> bool:
    """Whether whoever sent these, in an If-None-Match header, has what has this tag."""
    return tags == ["*"] or tag in (one.removeprefix("W/") for one in tags)


def _tags(headers: Headers, name: str, key: bytes) -> list[str] | None:
    """The tags in a header, `["*"]` for any, None where there is no such header. Raises Refused."""
    values = [value for header, value in headers if header == key]
    if not values:
        return None
    text = b", ".join(values).decode("latin-1").strip(" \t")
    if not _TAGS.fullmatch(text):
        raise Refused(problems.wrong_tags(name))
    return ["*"] if text == "*" else [found.group() for found in _ONE.finditer(text)]


def _content(tag: str) -> str:
    return tag.strip('"').removesuffix(_WAITING) if tag[0] == '"' and len(tag) > 2 else tag
