"""The lines of many processes in one terminal: whose they are can be seen."""

from __future__ import annotations

import io

from todo.up.output import Output


def line(output: Output, name: str) -> str:
    stream = io.BytesIO()
    output.line(name, b"text", stream)
    return stream.getvalue().decode()


def test_the_column_grows_with_a_longer_name() -> None:
    output = Output(["todo", "web"], prefixes=True, colours=False)
    assert line(output, "web") == "web  | text\n"
    output.add("save-handler.2")
    assert line(output, "web") == "web            | text\n"
    assert line(output, "save-handler.2") == "save-handler.2 | text\n"
    output.add("api")
    assert line(output, "api") == "api            | text\n"


def test_a_name_keeps_its_colour_and_new_ones_get_others() -> None:
    output = Output(["todo", "web"], prefixes=True, colours=True)
    before = line(output, "web")[:5]
    output.add("api")
    output.add("web", "todo")
    colours = [line(output, name)[:5] for name in ("todo", "web", "api")]
    assert colours[1] == before
    assert len(set(colours)) == 3


def test_lines_that_say_themselves_whose_they_are_are_left_alone() -> None:
    output = Output(["todo"], prefixes=False, colours=True)
    output.add("web")
    assert line(output, "web") == "text\n"
