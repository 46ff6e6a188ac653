"""What `todo up` runs, by its options."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from todo import bootstrap
from todo.components import COMPONENTS
from todo.up.plan import Plan, WrongPlan, make_plan, read_options


def plan(
    only: str = "",
    added: str = "",
    without: str = "",
    scale: Sequence[str] = (),
    *,
    embedded: bool = True,
) -> Plan:
    return make_plan(read_options(only, added, without, scale), embedded=embedded)


def names(found: Plan) -> list[str]:
    return ["queue"] * found.queue + [one.name for one in found.instances]


def test_every_component_can_be_run() -> None:
    assert tuple(bootstrap.COMPONENTS) == COMPONENTS


def test_the_usual_components() -> None:
    assert names(plan()) == ["queue", "web", "api", "save-handler"]


def test_a_queue_of_somebody_else_is_not_run() -> None:
    assert names(plan(embedded=False)) == ["web", "api", "save-handler"]


def test_only_some() -> None:
    assert names(plan(only="web, queue")) == ["queue", "web"]
    assert names(plan(only="audit-handler")) == ["audit-handler"]


def test_without_some_and_with_others() -> None:
    found = plan(without="api,queue", added="audit-handler,mutating-handler")
    assert names(found) == ["web", "save-handler", "audit-handler", "mutating-handler"]


def test_several_of_one() -> None:
    found = plan(scale=["save-handler=3"])
    assert names(found)[3:] == ["save-handler.1", "save-handler.2", "save-handler.3"]
    assert {one.component for one in found.instances} == {"web", "api", "save-handler"}


def test_scaling_adds_what_would_not_run() -> None:
    assert names(plan(only="queue", scale=["audit-handler=2"])) == [
        "queue",
        "audit-handler.1",
        "audit-handler.2",
    ]


def test_none_of_one() -> None:
    assert names(plan(scale=["save-handler=0"])) == ["queue", "web", "api"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"only": "webb"}, "no component 'webb'"),
        ({"added": "save_handler"}, "no component 'save_handler'"),
        ({"without": "database"}, "no component 'database'"),
        ({"scale": ["web=2"]}, "'web=2' cannot be: web listens on one port"),
        ({"scale": ["queue=3"]}, "'queue=3' cannot be: queue is one server"),
        ({"scale": ["handler=3"]}, "'handler=3' names no handler"),
        ({"scale": ["save-handler=1", "save-handler=2"]}, "named twice"),
        ({"scale": ["save-handler=-1"]}, "'save-handler=-1'"),
        ({"scale": ["save-handler"]}, "'save-handler'"),
        ({"scale": ["save-handler=many"]}, "'save-handler=many'"),
        ({"scale": ["save-handler=101"]}, "'save-handler=101'"),
        ({"only": "web", "without": "web"}, "nothing to run"),
        ({"only": "queue", "embedded": False}, "TODO_QUEUE_URL"),
    ],
)
def test_what_cannot_be(options: dict[str, str], complaint: str) -> None:
    with pytest.raises(WrongPlan, match=complaint):
        plan(**options)  # type: ignore[arg-type]
