"""What `todo scale` refuses before anything is started, and what the shell completes."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from click.shell_completion import ShellComplete

from todo.cli import main
from todo.control.messages import Changed
from todo.control.server import CannotChange
from todo.settings_reader import SettingsInvalid
from todo.up.children import Children
from todo.up.instances import Instance
from todo.up.output import Output
from todo.up.scaling import Scaling


def no_environment(instance: Instance) -> dict[str, str]:
    raise SettingsInvalid([f"there is no port for {instance.name}"])


def scaling() -> Scaling:
    return Scaling(Children(no_environment, Output(["todo"], prefixes=True, colours=False)))


async def changes(counts: Mapping[str, int]) -> list[Changed]:
    return [change async for change in scaling().scale(counts)]


@pytest.mark.parametrize(
    ("counts", "complaint"),
    [
        ({"web": 2}, "web cannot be scaled: web listens on one port"),
        ({"queue": 1}, "queue cannot be scaled: queue is one server"),
        ({"audit-handler": 0, "reader": 1}, "reader cannot be scaled: there is no such handler"),
        ({"save-handler": 2}, "there is no port for save-handler.1"),
    ],
)
async def test_refusals_say_why(counts: dict[str, int], complaint: str) -> None:
    with pytest.raises(CannotChange, match=complaint):
        await changes(counts)


async def test_nothing_to_do_is_no_change_but_says_what_runs() -> None:
    assert await changes({"save-handler": 0}) == [Changed("save-handler", [], [], [])]


def test_the_shell_completes_names_with_a_number() -> None:
    completions = ShellComplete(main, {}, "todo", "_TODO_COMPLETE").get_completions
    assert [one.value for one in completions(["scale"], "sav")] == [
        f"save-handler={count}" for count in range(4)
    ]
    assert completions(["scale"], "api") == []
