"""Files that people have, and what is wrong with some of them."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from dovetail import new_id
from todo.due_phrases.vocabulary import vocabularies
from todo.files.csv_rows import row
from todo.files.drafts import WrongFile
from todo.files.import_reader import read_file
from todo.items import Item
from todo.quick_add import Parser

READER = Parser(vocabularies())
CAUSE = new_id()


def items(content: str | bytes) -> list[Item]:
    raw = content.encode() if isinstance(content, str) else content
    return read_file(raw, READER).items(CAUSE)


def told(content: str | bytes) -> str:
    with pytest.raises(WrongFile) as wrong:
        items(content)
    return "\n".join(wrong.value.lines)


TODOIST = """\
TYPE,CONTENT,DESCRIPTION,PRIORITY,INDENT,AUTHOR,RESPONSIBLE,DATE,DATE_LANG,TIMEZONE,DURATION,DURATION_UNIT
meta,view_style=list,,,,,,,,,,
task,Buy milk @shop,"Two litres,
not one",1,1,Anna (1),,2027-12-03 18:30,en,Europe/Berlin,,
note,Ask for the red one,,,,Anna (1),,,,,,
,,,,,,,,,,,
section,Next year,,,,,,,,,,
task,Water plants,,4,1,Anna (1),,every friday,en,Europe/Berlin,,
task,{long},,4,2,Anna (1),,tomorrow,en,UTC,,
"""


def test_todoists_csv() -> None:
    milk, plants, long = items(TODOIST.format(long="long " * 80))
    assert (milk.item, milk.tags) == ("Buy milk", ("shop", "p1"))
    assert milk.due == "2027-12-03T18:30:00+01:00"
    assert milk.notes == "Two litres,\nnot one\nAsk for the red one"
    assert (plants.due, plants.notes, plants.tags) == (None, "every friday", ("Next-year",))
    assert long.due == (datetime.now(UTC).date() + timedelta(1)).isoformat()
    assert len(long.item) == 256
    assert long.notes == ("long " * 80).strip()


def test_a_markdown_list_as_people_write_it() -> None:
    text = (
        "# Home\n\n- [ ] Buy *milk* #shop\n  and bread\n* [X] Paid\n1. [ ] Third (due 2026-12-03)\n"
    )
    milk, paid, third = items(text + "\nSome words.\n\n- plain\n    - [ ] inside\n")[:3]
    assert (milk.item, milk.tags, milk.notes) == ("Buy *milk*", ("shop",), "  and bread")
    assert (paid.item, paid.done) == ("Paid", True)
    assert (third.item, third.due) == ("Third", "2026-12-03")
    assert [one.item for one in items("- plain\n    - [ ] inside\n")] == ["plain", "inside"]


def test_a_csv_of_somebody_else() -> None:
    semicolons = "\ufeffitem;done;due;tags\r\nBuy milk;x;2026-12-03;shop home\r\n\r\nCall;;;\r\n"
    milk, call = items(semicolons)
    assert (milk.item, milk.done, milk.tags) == ("Buy milk", True, ("shop", "home"))
    assert not call.done
    assert [one.item for one in items("item\nBuy milk\n".encode("utf-16"))] == ["Buy milk"]


def test_json_as_the_api_shows_it() -> None:
    known = new_id()
    milk, call = items(f'[{{"id": "{known}", "item": "Milk", "status": "saved"}}, "Call"]')
    assert (milk.id, milk.item) == (known, "Milk")
    assert uuid.UUID(call.id).version == 7
    assert [one.item for one in items('{"items": [{"item": "Milk"}], "next": null}')] == ["Milk"]


def test_an_unknown_member_of_json_is_told_with_its_place() -> None:
    said = told('[{"item": "Milk"}, {"item": "Bread", "dueDate": "2026-12-03", "colour": "red"}]')
    assert "\nItem 2: It has the unknown field colour. What is taken is " in said
    assert "date_added, date_saved, done, due, id, item, notes, position, status, tags." in said


def test_the_first_of_a_file_is_on_top_and_the_ids_are_always_the_same() -> None:
    first = items("- [ ] one\n- [ ] two\n")
    assert first == items("- [ ] one\n- [ ] two\n")
    assert first[0].id > first[1].id


def test_a_formula_is_none_for_a_spreadsheet() -> None:
    for text in ("=1+1", "+1", "-1", "@sum", "'=x", "''+y"):
        written = row(Item(new_id(), text, datetime.now(UTC)))
        assert f",'{text}," in written
    assert items(f"item\n{chr(39)}=1+1\n")[0].item == "=1+1"


def test_everything_that_is_wrong_is_told_with_its_place() -> None:
    same = new_id()
    said = told(
        "id,item,done,due,tags,date_added\n"
        f"{same},ok,,,,\n"
        ",,,,,2026-01-01T00:00:00Z\n"
        f",{'x' * 300},,,,\n"
        ",a,maybe,,,\n"
        ",a,,2026-02-30,,\n"
        ",a,,,#tag,\n"
        ",a,,,,yesterday\n"
        f"{same},twice,,,,\n"
    )
    assert said == (
        "Nothing was imported.\n"
        "Line 3: Please enter what is to be done.\n"
        "Line 4: That is 300 characters long; 256 is the most.\n"
        "Line 5: done is 'maybe', neither true nor false.\n"
        "Line 6: There is no such date as 2026-02-30.\n"
        "Line 7: The tag #tag begins with #: leave it out.\n"
        "Line 8: date_added is 'yesterday', which is no date.\n"
        "Line 9: its id is that of line 2."
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "This file is empty."),
        (b" \n ", "This file is empty."),
        (b"\x89PNG\r\n\x1a\n\0\0", "This file is no text in UTF-8."),
        (b"just some words", "This is no file that can be read: JSON, CSV with a column item, "),
        (b"{", "This is no JSON: Input data was truncated."),
        (b"[" * 100_000, "This is no JSON: "),
        (b'{"item": "x"}', "This JSON has no list of items, as in "),
        (b"[]", "There is no item in this file."),
        (b'[1, {"item": 2}, {"item": "x", "done": 3}]', "Item 1: It must be an object, as in "),
        (b'["\\ud800"]', "This is no JSON: "),
        (b'[{"item": "x", "tags": {"a": 1}, "notes": [], "id": 5}]', "Item 1: Its id is no text."),
        (b'[{"item": "x", "tags": "shop"}]', "Item 1: The tags must be a list of texts."),
        (b'[{"item": "x", "due": 20261203}]', "Item 1: The due date must be text"),
        (b"item,item\nx,y\n", "There are two columns item."),
        (b"TYPE,CONTENT\n", "There is no item in this file."),
        (b"item\n" + b"x\n" * 50_001, "There are 50001 items in this file; 50000 is the most."),
        (b'item\none\n"two\nthree\n', "This is no CSV: line 4: unexpected end of data."),
        (b'item\n"' + b"x" * 200_000, "This is no CSV: line 2: field larger than field limit"),
    ],
)
def test_a_file_that_is_none(content: bytes, said: str) -> None:
    assert said in told(content)


def test_of_many_mistakes_the_first_are_told() -> None:
    said = told("item,done\n" + "x,maybe\n" * 25).split("\n")
    assert len(said) == 12
    assert said[-1] == "And 15 more."


def test_no_cell_is_left_out_silently() -> None:
    said = told("item\nBuy milk\nBuy milk, eggs\n")
    assert said == (
        "Nothing was imported.\n"
        "Line 3: There are more cells than columns: "
        "a text with a comma in it needs quotes around it."
    )
    assert [item.item for item in items("item\nBuy milk,,\n")] == ["Buy milk"]
