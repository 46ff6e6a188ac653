"""How the processes of a component are called when their number changes."""

from __future__ import annotations

import pytest

from todo.up.instances import new_instances


@pytest.mark.parametrize(
    ("running", "more", "names"),
    [
        ([], 0, []),
        ([], 1, ["x"]),
        ([], 3, ["x.1", "x.2", "x.3"]),
        (["x"], 1, ["x.2"]),
        (["x"], 2, ["x.2", "x.3"]),
        (["x.1"], 2, ["x.2", "x.3"]),
        (["x.1", "x.2"], 1, ["x.3"]),
        (["x.2"], 2, ["x.1", "x.3"]),
        (["x", "x.3"], 2, ["x.2", "x.4"]),
    ],
)
def test_who_runs_keeps_the_name_and_others_get_the_lowest_free_number(
    running: list[str], more: int, names: list[str]
) -> None:
    found = new_instances("x", more, running)
    assert [one.name for one in found] == names
    assert {one.component for one in found} <= {"x"}
    assert not {*names} & {*running}
