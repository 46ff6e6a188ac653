"""`todo scale` as its users run it."""

from __future__ import annotations

from .conftest import Todo

#: What a handler says when it can be given items.
LISTENS = "save-handler listens on events.todo.newitem"


async def scaled(todo_command: Todo, *counts: str, **settings: str) -> list[str]:
    """`todo scale` with these; what it says."""
    command = await todo_command("scale", *counts, **settings)
    assert await command.ended() == 0, command.text
    return command.lines


async def refused(todo_command: Todo, *counts: str, **settings: str) -> str:
    """`todo scale` with these; the one line that says why not."""
    command = await todo_command("scale", *counts, **settings)
    assert await command.ended() == 1, command.text
    (line,) = command.errors
    assert command.lines[-1] == line
    return line
