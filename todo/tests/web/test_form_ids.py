"""A form that is sent twice."""

from __future__ import annotations

from dovetail import new_id
from todo.web.form_ids import MOST, FormIds


def test_the_same_text_from_the_same_form_has_one_id() -> None:
    attempts, form = FormIds(), new_id()

    assert attempts.id_for(form, "milk") == attempts.id_for(form, "milk")
    assert attempts.id_for(form, "milk") != attempts.id_for(form, "bread")
    assert attempts.id_for(form, "milk") != attempts.id_for(new_id(), "milk")


def test_what_is_no_form_is_not_remembered() -> None:
    attempts = FormIds()

    assert attempts.id_for("", "milk") != attempts.id_for("", "milk")
    assert attempts.id_for("x" * 50_000, "milk") != attempts.id_for("x" * 50_000, "milk")


def test_only_so_many_are_remembered() -> None:
    attempts = FormIds()
    first = attempts.id_for("first", "milk")
    for number in range(MOST):
        attempts.id_for(str(number), "milk")

    assert attempts.id_for("first", "milk") != first
