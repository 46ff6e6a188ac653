"""What `todo scale` says."""

from __future__ import annotations

from todo.control.messages import Accepted, Changed, Done, InstanceState, Listed
from todo.scale.report import lines


def test_a_change_says_what_runs_and_what_was_done() -> None:
    assert lines(Changed("x", ["x", "x.2"], ["x.2"], [])) == ["x: 2 running (started x.2)"]
    assert lines(Changed("x", ["x"], [], ["x.3", "x.2"])) == ["x: 1 running (ended x.3, x.2)"]
    assert lines(Changed("x", [], [], [])) == ["x: 0 running (as before)"]


def test_the_list_is_a_table() -> None:
    states = [
        InstanceState("web", 20_918, 7_384.0, 0),
        InstanceState("save-handler.2", None, None, 12),
        InstanceState("save-handler.3", 7, 0.4, 0, ending=True),
    ]
    assert lines(Listed(1_234, states)) == [
        "`todo up` with pid 1234 runs:",
        "",
        "Name               Pid    Runs for   Restarts",
        "web              20918     2 h 3 m          0",
        "save-handler.2       -     is down         12",
        "save-handler.3       7   is ending          0",
    ]


def test_what_goes_without_saying() -> None:
    assert lines(Listed(1_234, [])) == ["`todo up` with pid 1234 runs none of the components."]
    assert lines(Accepted()) == []
    assert lines(Done()) == []
