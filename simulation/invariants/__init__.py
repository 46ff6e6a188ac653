"""What must be true of every history. Each promise is a function that says what breaks it."""

from __future__ import annotations

from collections.abc import Callable

from simulation.history import History
from simulation.invariants.draining import (
    a_drain_ends,
    a_drain_finishes_what_has_begun,
    a_drained_host_holds_nothing,
)
from simulation.invariants.effects import (
    acks_follow_success,
    each_copy_is_settled_once,
    effects_are_there_once,
    nothing_comes_from_nothing,
    nothing_is_lost,
)
from simulation.invariants.giving_up import (
    a_letter_is_taken_once,
    attempts_are_failures,
    dead_letters_have_a_reason,
    what_kills_its_workers_is_given_up,
)
from simulation.invariants.holding import (
    a_lease_has_one_holder,
    attempts_are_counted,
    leases_that_end_are_counted,
    what_was_settled_stays_so,
)
from simulation.invariants.publishing import (
    a_new_group_may_want_no_history,
    order_is_kept,
    publishers_are_told_in_time,
    what_is_published_is_taken,
)
from simulation.invariants.waiting import (
    a_handler_has_its_time_and_no_more,
    a_retry_waits,
    pauses_grow,
)
from simulation.scenario import Scenario


class Violation(AssertionError):
    """A promise is broken."""

    def __init__(self, promise: str, why: str) -> None:
        super().__init__(f"{promise}: {why}")
        self.promise = promise


PROMISES: tuple[Callable[[Scenario, History], list[str]], ...] = (
    nothing_comes_from_nothing,
    what_is_published_is_taken,
    a_lease_has_one_holder,
    what_was_settled_stays_so,
    attempts_are_counted,
    attempts_are_failures,
    leases_that_end_are_counted,
    a_retry_waits,
    pauses_grow,
    a_handler_has_its_time_and_no_more,
    dead_letters_have_a_reason,
    what_kills_its_workers_is_given_up,
    a_letter_is_taken_once,
    acks_follow_success,
    effects_are_there_once,
    each_copy_is_settled_once,
    nothing_is_lost,
    a_new_group_may_want_no_history,
    order_is_kept,
    publishers_are_told_in_time,
    a_drain_finishes_what_has_begun,
    a_drain_ends,
    a_drained_host_holds_nothing,
)


def check(scenario: Scenario, history: History) -> None:
    """Raise Violation for the first promise that is broken."""
    for promise in PROMISES:
        for why in promise(scenario, history):
            raise Violation(promise.__name__.replace("_", " "), why)
