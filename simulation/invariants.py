"""What must be true of every history. Each function is one promise; `check` asks all of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from math import inf

from dovetail.limits import UNSETTLED_DELIVERIES
from simulation.facts import (
    Place,
    all_accepted,
    all_handled,
    blocks,
    created,
    first_of,
    is_restart,
    published_again_too_late,
    told_apart,
)
from simulation.handlers import claims
from simulation.history import History, Seen
from simulation.leases import leases as leases_of
from simulation.scenario import QUEUE, GroupPlan, Scenario

#: How much longer than it may a drain takes, in seconds.
DRAIN_SLACK = 3.0
#: A publish has five seconds, and some slack.
PUBLISH_SECONDS = 5.5


class Violation(AssertionError):
    """A promise is broken."""

    def __init__(self, promise: str, why: str) -> None:
        super().__init__(f"{promise}: {why}")
        self.promise = promise


def check(scenario: Scenario, history: History) -> None:
    """Raise Violation for the first promise that is broken."""
    for promise in PROMISES:
        for why in promise(scenario, history):
            raise Violation(promise.__name__.replace("_", " "), why)


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


def attempts_are_failures(scenario: Scenario, history: History) -> list[str]:
    """Nothing but a failure of the handler on this very message uses up an attempt."""
    failures: Counter[Place] = Counter()
    used: dict[Place, dict[str, int]] = defaultdict(dict)
    wrong = []
    for one in history.seen:
        place = one.group, one.number
        if one.what == "failed":
            failures[place] += 1
        elif one.what == "delivered":
            used[place][one.key] = one.attempt - 1
            if sum(used[place].values()) > failures[place]:
                wrong.append(f"{one}; but the handler has failed {failures[place]} times on it")
    return wrong


def dead_letters_have_a_reason(scenario: Scenario, history: History) -> list[str]:
    """Only what failed as often as it may, was rejected, or kills its workers is given up."""
    failures: Counter[Place] = Counter()
    rejected: set[Place] = set()
    given: dict[int, Seen] = {}
    replayed: dict[Place, float] = {}
    wrong = []
    for one in history.seen:
        place = one.group, one.number
        if one.what == "failed":
            failures[place] += 1
            if one.note == "rejects":
                rejected.add(place)
        elif one.what == "delivered":
            given[one.delivery] = one
        elif one.what == "replayed" and scenario.queue == "memory":
            # Else the operator hears of it later than whoever handles it again.
            failures[place], replayed[place] = 0, one.at
            rejected.discard(place)
        elif one.what == "buried" and place not in rejected:
            if given[one.delivery].at < replayed.get(place, 0.0):
                continue  # it was lost to another member, which buried it before; this says nothing
            tries = next(g.tries for g in scenario.groups if g.name == one.group.split("/")[0])
            unsettled = int((given[one.delivery].note or "0").split(" ")[0])
            if unsettled < UNSETTLED_DELIVERIES and (
                one.attempt < tries or failures[place] < tries
            ):
                wrong.append(f"{one}; but its handler failed {failures[place]} times, of {tries}")
    return wrong


def a_letter_is_taken_once(scenario: Scenario, history: History) -> list[str]:
    """By one of those who replay or drop it: no more of a message is taken than was buried."""
    left: Counter[Place] = Counter()
    wrong = []
    for one in history.of("buried", "replayed", "dropped"):
        place = one.group, one.number
        left[place] += 1 if one.what == "buried" else -1
        if left[place] < 0:
            wrong.append(f"{one}; but it was taken before")
    return wrong


def nothing_is_lost(scenario: Scenario, history: History) -> list[str]:
    """What was accepted is handled, is a dead letter, or was dropped by somebody."""
    done = all_handled(history) | {
        (one.group, one.number) for one in history.of("letter", "dropped")
    }
    removed = {one.note for one in history.of("removed")}
    begun: dict[int, float] = {}
    for one in history.of("sent"):
        begun.setdefault(one.number, one.at)
    wrong = []
    settled = min((one.at for one in history.of("settled")), default=inf)
    for number, at in all_accepted(history).items():
        if at >= settled:
            continue
        subject = scenario.message(number).subject
        takers = [
            (group, claimed)
            for group in scenario.groups
            if (claimed := claims(group, subject)) and group.name not in removed
        ]
        for group, claimed in takers:
            if group.start == "new" and begun.get(number, at) < created(history, group.name):
                continue
            if (claimed, number) not in done:
                wrong.append(f"message {number}, accepted at {at:.4f}, never reached {claimed}")
    return wrong


def effects_are_there_once(scenario: Scenario, history: History) -> list[str]:
    """What was accepted, or caused, is there exactly once, and nothing else is."""
    copies: dict[Place, set[str]] = defaultdict(set)
    for one in history.of("delivered"):
        copies[one.group, one.number].add(one.key)
    replayed = Counter((one.group, one.number) for one in history.of("replayed"))
    unsure = sum(one.note.startswith("replay") for one in history.of("gave up"))
    late = published_again_too_late(scenario, history)
    wrong = [
        f"{group} got {len(keys)} copies of message {number}"
        for (group, number), keys in copies.items()
        if len(keys) > 1 + replayed[group, number] + unsure and number not in late
    ]
    stored = Counter(one.number for one in history.of("left"))
    wrong += [f"message {number} is kept {n} times" for number, n in stored.items() if n > 1]
    accepted = all_accepted(history)
    handled = all_handled(history)
    for message in scenario.messages:
        for group, numbers in message.causes:
            claimed = claims(scenario.group(group), message.subject)
            if (claimed, message.number) in handled:
                wrong += [
                    f"{claimed} has handled message {message.number}, and message {number}, which it caused, "
                    "is not there"
                    for number in numbers
                    if number not in accepted
                ]
    return wrong


def each_copy_is_settled_once(scenario: Scenario, history: History) -> list[str]:
    """Where copies cannot be told apart: none is acked or buried more often than it was sent and replayed.

    Whoever is killed after it has stored the copy for a retry, and before the ack, leaves two.
    """
    if scenario.queue != "rabbitmq":
        return []
    leases, wrong = leases_of(scenario, history), []
    sent = Counter(one.number for one in history.of("sent"))
    replayed = Counter((one.group, one.number) for one in history.of("replayed"))
    unsure = sum(one.note.startswith("replay") for one in history.of("gave up"))
    settled: Counter[Place] = Counter()
    doubled: Counter[Place] = Counter()
    for one in history.seen:
        place = one.group, one.number
        if one.what in ("retried", "released"):
            doubled[place] += not leases.takes_effect(one)
        elif one.what in ("acked", "buried") and leases.takes_effect(one):
            settled[place] += 1
            came = sent[one.number] + replayed[place] + unsure + doubled[place]
            if settled[place] > came:
                wrong.append(f"{one}; but it was sent and replayed {came} times")
        leases.see(one)
    return wrong


def nothing_comes_from_nothing(scenario: Scenario, history: History) -> list[str]:
    """Nothing is handled before it was accepted, nor caused before its cause was handled."""
    cause = {
        number: (claims(scenario.group(group), message.subject), message.number)
        for message in scenario.messages
        for group, numbers in message.causes
        for number in numbers
    }
    stored: set[int] = set()
    succeeded: set[tuple[str | None, int]] = set()
    wrong = []
    for one in history.seen:
        if one.what in ("stored", "sent"):
            if one.number in cause and cause[one.number] not in succeeded:
                wrong.append(f"{one}; but what causes it was not handled")
            stored.add(one.number)
        elif one.what == "succeeded":
            succeeded.add((one.group, one.number))
        elif one.what == "called" and one.number not in stored:
            # Seen at the queue one step later than a handler in the same process may be called.
            wrong.append(f"{one}; but it was never accepted")
    return wrong


def acks_follow_success(scenario: Scenario, history: History) -> list[str]:
    """Only what its handler succeeded on is acked, by the host that handled it."""
    succeeded = set()
    wrong = []
    for one in history.seen:
        if one.what == "succeeded":
            succeeded.add((one.host, one.group, one.number))
        elif one.what == "acked" and (one.host, one.group, one.number) not in succeeded:
            wrong.append(f"{one}; but {one.host} has not handled it")
    return wrong


def a_drain_ends(scenario: Scenario, history: History) -> list[str]:
    """In the time that it has; and then the host handles nothing."""
    began: dict[str, float] = {}
    ended: set[str] = set()
    away = {one.host for one in history.of("frozen")}
    limits = {member.host: member.drain for member in scenario.members}
    wrong = []
    for one in history.seen:
        if one.what == "drains":
            began[one.host] = one.at
        elif one.what == "drained":
            ended.add(one.host)
            took = one.at - began[one.host]
            limit = limits.get(one.host.rsplit(".", 1)[0], 10.0) + DRAIN_SLACK
            if took > limit and one.host not in away and not blocks(scenario):
                wrong.append(f"{one}; it took {took:.3f} s")
        elif one.what == "called" and one.host in ended:
            wrong.append(f"{one}; but the host has drained")
    return wrong


def publishers_are_told_in_time(scenario: Scenario, history: History) -> list[str]:
    """That it was stored, or that it was not, by a real transport."""
    away = {one.host for one in history.of("frozen")}
    sent: dict[tuple[str, int], float] = {}
    wrong = []
    for one in history.of("sent", "stored", "refused"):
        if one.what == "sent":
            sent[one.host, one.number] = one.at
        elif (one.host, one.number) in sent and one.host not in away:
            took = one.at - sent.pop((one.host, one.number))
            if took > PUBLISH_SECONDS:
                wrong.append(f"{one}; it took {took:.3f} s")
    return wrong


def order_is_kept(scenario: Scenario, history: History) -> list[str]:
    """Of one subject, by a group with one member and one call at a time that never fails."""
    stored = first_of(history, "stored")
    sent = first_of(history, "sent") or stored
    wrong = []
    for group in scenario.groups:
        if not _is_ordered(scenario, group):
            continue
        latest: dict[tuple[str, str], Seen] = {}
        for one in told_apart(scenario, history):
            if one.what == "ended":  # more members come
                break
            if one.what != "called" or one.group.split("/")[0] != group.name:
                continue
            place = one.group, scenario.message(one.number).subject
            before = latest.get(place)
            if before is not None and sent[before.number] > stored.get(one.number, inf):
                wrong.append(f"{one}; but message {before.number} came later and was called before")
            if before is None or sent[one.number] > sent[before.number]:
                latest[place] = one
    return wrong


def _is_ordered(scenario: Scenario, group: GroupPlan) -> bool:
    members = [one for one in scenario.members if group.name in one.groups]
    troubled = {fault.host for fault in scenario.faults}
    calm = all(
        message.behaviour(group.name).does == "succeeds"
        and message.behaviour(group.name).seconds < group.lease / 3
        for message in scenario.messages
    )
    return (
        len(members) == 1
        and not troubled & {members[0].host, QUEUE}
        and group.concurrency == 1
        and group.timeout is None  # a whole batch may take longer
        and calm
        and not scenario.steps
        and not any(other != group.name for other in members[0].groups)
    )


PROMISES: tuple[Callable[[Scenario, History], list[str]], ...] = (
    nothing_comes_from_nothing,
    a_lease_has_one_holder,
    what_was_settled_stays_so,
    attempts_are_counted,
    attempts_are_failures,
    dead_letters_have_a_reason,
    a_letter_is_taken_once,
    acks_follow_success,
    effects_are_there_once,
    each_copy_is_settled_once,
    nothing_is_lost,
    order_is_kept,
    publishers_are_told_in_time,
    a_drain_ends,
)
