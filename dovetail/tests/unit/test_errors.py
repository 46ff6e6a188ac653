"""The tree of errors, as its page draws it."""

from __future__ import annotations

import inspect
import pickle
import re

import pytest

from dovetail import errors
from dovetail.errors import (
    CommandClaimed,
    ConfigurationError,
    DeadLetterNotFound,
    DovetailError,
    MessageTooLarge,
    NobodyListening,
    NoGroup,
    QueueError,
    QueueUnavailable,
    Retry,
)

CLASSES = {
    name: one
    for name, one in inspect.getmembers(errors, inspect.isclass)
    if issubclass(one, DovetailError)
}


def test_page_draws_the_tree_as_it_is() -> None:
    assert errors.__doc__ is not None
    drawn, parents = {}, {0: "Exception"}
    for line in errors.__doc__.splitlines():
        if found := re.match(r"([ │├└─]*)([A-Z]\w+)(  |$)", line):
            depth = len(found[1]) // 4 + 1
            parents[depth] = found[2]
            drawn[found[2]] = parents[depth - 1]
    real = {name: one.__bases__[0].__name__ for name, one in CLASSES.items()}
    assert drawn == real


def test_each_says_what_it_means() -> None:
    for name, one in CLASSES.items():
        assert inspect.getdoc(one), name


@pytest.mark.parametrize(
    ("error", "attributes", "says"),
    [
        (ConfigurationError("no", setting="TODO_X"), {"setting": "TODO_X"}, "no"),
        (
            CommandClaimed("a.b", "one"),
            {"subject": "a.b", "group": "one", "setting": None},
            "use that name, or make it an Event",
        ),
        (QueueError("no", id="7"), {"id": "7"}, "no"),
        (QueueUnavailable("no"), {"id": None}, "no"),
        (
            MessageTooLarge(20, 10, id="7"),
            {"size": 20, "limit": 10, "id": "7", "setting": None},
            "20 bytes, the queue takes 10 at most",
        ),
        (
            MessageTooLarge(20, 10, setting="max_size"),
            {"id": None, "setting": "max_size"},
            "10 at most (max_size)",
        ),
        (NoGroup("a.b"), {"subject": "a.b"}, "start its worker once"),
        (NobodyListening("a.b"), {"subject": "a.b"}, "is its worker running"),
        (DeadLetterNotFound("7"), {"id": "7"}, "`dovetail dead list` shows"),
        (Retry("later", after=2.5), {"after": 2.5}, "later"),
        (Retry(), {"after": None}, ""),
    ],
)
def test_data_and_advice(error: DovetailError, attributes: dict[str, object], says: str) -> None:
    assert {name: getattr(error, name) for name in attributes} == attributes
    assert says in str(error)


def test_configuration_error_crosses_processes() -> None:
    copy = pickle.loads(pickle.dumps(ConfigurationError("no", setting="TODO_X")))
    assert (str(copy), copy.setting) == ("no", "TODO_X")
