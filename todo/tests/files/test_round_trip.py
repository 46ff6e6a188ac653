"""What is exported can be imported, and is the same again."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from dovetail import new_id
from todo.fields import checked_tags
from todo.files.export_writer import FORMATS
from todo.files.import_reader import read_file
from todo.items import InvalidItem, Item
from todo.quick_add import Parser
from todo.validation import validated_item

READER = Parser([])
CAUSE = new_id()
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)
#: What has a meaning in one of the formats.
SIGNS = st.text(st.sampled_from(list("#@=+-*_[]()<>\\`'\",; \n\r\t1.d")), max_size=20)
WRITTEN = st.one_of(
    SIGNS,
    TEXTS,
    st.sampled_from(["=1+1", "'=x", "- [ ] no", "# head", "1. one", "a (due 2026-01-01)", "x #y"]),
)


def _kept(text: str, notes: str, tags: list[str], *, done: bool, due: str | None) -> Item | None:
    try:
        good = checked_tags(tags)
    except InvalidItem:
        good = ()
    item = Item(
        new_id(), text, datetime.now(UTC), done=done, due=due, notes=notes.strip("\n"), tags=good
    )
    try:
        return validated_item(item)
    except InvalidItem:
        return None


ITEMS = st.builds(
    _kept,
    text=WRITTEN,
    notes=st.lists(WRITTEN, max_size=3).map("\n".join),
    tags=st.lists(WRITTEN, max_size=3),
    done=st.booleans(),
    due=st.sampled_from([None, "2026-12-03", "2026-12-03T18:30:00+01:00", "0001-01-01"]),
)
LISTS = st.lists(ITEMS, max_size=4).map(lambda items: [one for one in items if one])


def _written(items: list[Item], name: str) -> bytes:
    kind = FORMATS[name]
    body = kind.between.join(kind.write(item) for item in items)
    return f"{kind.header}{body}{kind.footer}".encode()


@settings(deadline=None)  # the machine may be busy
@given(LISTS.filter(bool))
def test_json_and_csv_lose_nothing(items: list[Item]) -> None:
    for name in ("json", "csv"):
        assert read_file(_written(items, name), READER).items(CAUSE) == items


@settings(deadline=None)  # the machine may be busy
@given(LISTS.filter(bool))
def test_markdown_keeps_what_people_see(items: list[Item]) -> None:
    again = read_file(_written(items, "md"), READER).items(CAUSE)
    assert [_seen(item) for item in again] == [_seen(item) for item in items]
    # The first of the file is on top of the list again.
    assert [item.id for item in again] == sorted((item.id for item in again), reverse=True)


def _seen(item: Item) -> object:
    words = " ".join(item.item.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    notes = item.notes.strip("\n")
    return msgspec.structs.replace(
        item, id="", date_added=datetime(2026, 1, 1, tzinfo=UTC), item=words, notes=notes
    )
