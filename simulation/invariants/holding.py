"""Who holds a message, and how often it was tried."""

from __future__ import annotations

from simulation.facts import is_restart, told_apart
from simulation.history import History, Seen
from simulation.leases import leases as leases_of
from simulation.scenario import Scenario


def a_lease_has_one_holder(scenario: Scenario, history: History) -> list[str]:
    """While a lease is valid no other member gets the message."""
    leases, wrong = leases_of(scenario, history), []
    closed = {one.host: one.at for one in history.of("drained")}
    for one in told_apart(scenario, history):
        if one.what == "delivered":
            held = leases.holding.get((one.group, one.key))
            if held is None or held.let_go or closed.get(held.seen.host, one.at + 1) <= one.at:
                pass
            elif leases.certain(held, one.at) and leases.is_fresh(one):
                wrong.append(f"{one}; but {held.seen.host} holds it since {held.seen.at:.4f}")
        leases.see(one)
    return wrong


def what_was_settled_stays_so(scenario: Scenario, history: History) -> list[str]:
    """What was acked or buried in time is not delivered again."""
    leases, wrong = leases_of(scenario, history), []
    done: dict[tuple[str, str], Seen] = {}
    for one in told_apart(scenario, history):
        again = one.what == "delivered" and (one.group, one.key) in done
        if again and leases.is_fresh(one):
            wrong.append(f"{one}; but {done[one.group, one.key]}")
        if one.what in ("acked", "buried") and leases.takes_effect(one):
            done[one.group, one.key] = one
        leases.see(one)
    return wrong


def attempts_are_counted(scenario: Scenario, history: History) -> list[str]:
    """An attempt is one higher for each failure that reached the queue, and for nothing else."""
    leases, wrong = leases_of(scenario, history), []
    counted: dict[tuple[str, str], tuple[int, int]] = {}
    # A NATS server that is killed has not written lately how often it has delivered what.
    forgets, in_memory = scenario.queue == "nats", scenario.queue == "memory"
    for one in told_apart(scenario, history):
        place = one.group, one.key
        if forgets and is_restart(one):
            counted = {place: (1, most) for place, (_, most) in counted.items()}
        if one.what == "delivered":
            least, most = counted.get(place, (1, 1))
            # A stale one may have been on the way for as long as its host was away.
            least = least if leases.is_fresh(one) else 1
            if not least <= one.attempt <= most:
                wrong.append(f"{one}; it should be between {least} and {most}")
            # Over a server what was said before may yet arrive; on RabbitMQ a retry is a copy beside it.
            least = 1 if scenario.queue == "rabbitmq" else one.attempt
            counted[place] = least, one.attempt if in_memory else max(one.attempt, most)
        elif one.what == "retried":
            held = leases.holder(one)
            if held is not None and not held.settled:
                least, most = counted[place]
                counted[place] = least + leases.takes_effect(one), most + 1
            elif not in_memory:  # whoever had it before has failed as well
                least, most = counted[place]
                counted[place] = least, most + 1
        leases.see(one)
    return wrong


def leases_that_end_are_counted(scenario: Scenario, history: History) -> list[str]:
    """By the queue in memory, all of whose deliveries are seen: those that nobody gave back."""
    if scenario.queue != "memory":
        return []
    leases, wrong = leases_of(scenario, history), []
    ended: dict[tuple[str, str], tuple[int, int]] = {}
    for one in history.seen:
        place = one.group, one.key
        least, most = ended.get(place, (0, 0))
        if one.what == "delivered":
            said = int((one.note or "0").split(" ")[0])
            if not least <= said <= most:
                wrong.append(f"{one}; but it was {least} to {most} leases that have ended")
            ended[place] = said + 1, said + 1
        elif one.what in ("retried", "released"):
            held = leases.holder(one)
            if held is not None and not held.settled:
                ended[place] = least - 1, most - leases.takes_effect(one)
        leases.see(one)
    return wrong
