"""What there is on RabbitMQ, all of it durable, named `dovetail.…`.

Exchanges
    events (fanout)      where events are published; goes on to `live` and `groups`
    groups (topic)       to the groups that have claimed the subject, by one exchange for each claim, which
                         has it copied to the group's queue and to `history`; what nobody has claimed
                         goes to `unclaimed`
    released (fanout)    to `history`: what groups had claimed that were removed
    commands (direct)    to the exchange of the one claim
    live (topic)         to the queues of those who listen
    requests (direct)    to the queues of those who answer
    members (fanout)     questions to everybody who has a share in a group

Queues
    history (stream)     events and commands that some group has claimed, for groups yet to come
    unclaimed (stream)   events that nobody had claimed: kept without limit
    registry (stream)    facts about what groups have claimed, kept without limit
    presence (quorum)    whose consumers are counted: one for each share in a group
    <group>:<subject>    (quorum) what one group has yet to handle, wildcards written as @ and #; with
                         +<milliseconds> what waits so long for its next attempt; with +dead its dead
                         letters; with +replay (classic) a second copy of what was replayed last
    answers.<group>:<subject>   requests to a group; gone when nobody answers

Headers of ours are named dovetail-…
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from pamqp import commands
from pamqp.base import Frame

from dovetail.errors import ConfigurationError
from dovetail.options import QueueOptions

EVENTS, GROUPS, COMMANDS = "dovetail.events", "dovetail.groups", "dovetail.commands"
LIVE, REQUESTS, MEMBERS = "dovetail.live", "dovetail.requests", "dovetail.members"
HISTORY, UNCLAIMED, REGISTRY = "dovetail.history", "dovetail.unclaimed", "dovetail.registry"
PRESENCE, RELEASED = "dovetail.presence", "dovetail.released"

#: What a message says that is delivered again, or to one group only.
SUBJECT, ATTEMPT, COPY = "dovetail-subject", "dovetail-attempt", "dovetail-copy"
#: How many milliseconds it has yet to wait when it comes back, and, where a member may be long in coming,
#: until when that is by the clock of whoever wrote it.
LEFT, DUE = "dovetail-left", "dovetail-due"
#: Says that a message is none, but stands behind all those before it in its queue.
MARK = "dovetail-mark"
#: What a dead letter says of a message as large as the server takes; of others it stands before the body.
LETTER = "dovetail-letter"
#: What the server says: how often it was delivered before, and where in a stream it lies.
#: From 4.3 on the first counts failures alone, and the second says what it said before.
DELIVERIES, ACQUIRED, OFFSET = "x-delivery-count", "x-acquired-count", "x-stream-offset"

#: Arguments of queues: how long a stream keeps what it has, and how many copies there are of a stream and of
#: a queue. The server lets nobody declare what is there with others.
AGE, STREAM_COPIES, QUEUE_COPIES = (
    "x-max-age",
    "x-initial-cluster-size",
    "x-quorum-initial-group-size",
)

#: Redeliveries are counted by us; the server, which would drop the message, is not to interfere.
_NEVER = 2_000_000_000
_SEGMENT_BYTES = 50_000_000
_LONGEST_NAME = 255
#: AMQP gives the names of exchanges less than those of queues, and pamqp holds us to it.
_LONGEST_EXCHANGE = 127


def queue_of(group: str, claimed: str) -> str:
    """The queue of one group for what it has claimed."""
    return _checked(f"dovetail.{group}:{claimed.replace('*', '@').replace('>', '#')}")


def exchange_of(queue: str) -> str:
    """The exchange of a claim, named as its queue; where that is too long for AMQP, with a digest."""
    if len(queue) <= _LONGEST_EXCHANGE:
        return queue
    digest = sha256(queue.encode()).hexdigest()[:32]
    return f"{queue[: _LONGEST_EXCHANGE - 33]}+{digest}"


def answers_of(group: str, subject: str) -> str:
    """The queue of requests to a group."""
    return _checked(f"dovetail.answers.{group}:{subject}")


def _checked(name: str) -> str:
    if len(name) > _LONGEST_NAME - len("+2147483648"):
        raise ConfigurationError(
            f"the names of a group and its subject are too long together ({name}): "
            "RabbitMQ takes 230 characters"
        )
    return name


def dead_of(queue: str) -> str:
    """The queue of a claim's dead letters."""
    return f"{queue}+dead"


def replayed_of(queue: str) -> str:
    """The queue that remembers which dead letters of a claim were replayed last."""
    return f"{queue}+replay"


def delay_of(queue: str, milliseconds: int) -> str:
    """The queue where messages wait so long before they come back to the claim's own."""
    return f"{queue}+{milliseconds}"


def key_of(pattern: str) -> str:
    """The binding key that means the same as a pattern."""
    return pattern.replace(">", "*.#")


def declarations(options: QueueOptions) -> list[Frame]:
    """What declares everything that does not belong to one group, but for the history."""
    return [
        exchange(GROUPS, "topic", {"alternate-exchange": UNCLAIMED}),
        exchange(EVENTS, "fanout"),
        exchange(COMMANDS, "direct"),
        exchange(LIVE, "topic"),
        exchange(REQUESTS, "direct"),
        exchange(MEMBERS, "fanout"),
        exchange(UNCLAIMED, "fanout"),
        _stream(UNCLAIMED, options, {"x-stream-max-segment-size-bytes": _SEGMENT_BYTES}),
        _stream(REGISTRY, options, {"x-stream-max-segment-size-bytes": _SEGMENT_BYTES}),
        quorum_queue(PRESENCE, options),
        commands.Exchange.Bind(destination=LIVE, source=EVENTS),
        commands.Exchange.Bind(destination=GROUPS, source=EVENTS),
        commands.Queue.Bind(queue=UNCLAIMED, exchange=UNCLAIMED, routing_key=""),
    ]


def history(options: QueueOptions, age: str | None = None) -> Frame:
    """Declares the history, to be kept as long as the options say, or for an age in RabbitMQ's words.

    An empty one is for ever.
    """
    if age is None and options.keep is not None:
        age = f"{max(1, int(options.keep.total_seconds()))}s"
    arguments = {AGE: age} if age else {}
    return _stream(
        HISTORY, options, {"x-stream-max-segment-size-bytes": _SEGMENT_BYTES, **arguments}
    )


def exchange(name: str, kind: str, arguments: dict[str, Any] | None = None) -> Frame:
    """Declares a durable exchange."""
    return commands.Exchange.Declare(
        exchange=name, exchange_type=kind, durable=True, arguments=arguments or {}
    )


def quorum_queue(name: str, options: QueueOptions, **arguments: Any) -> commands.Queue.Declare:
    """Declares a replicated queue."""
    return commands.Queue.Declare(
        queue=name,
        durable=True,
        arguments={
            "x-queue-type": "quorum",
            "x-delivery-limit": _NEVER,
            **({QUEUE_COPIES: options.replicas} if options.replicas > 1 else {}),
            **{f"x-{name.replace('_', '-')}": value for name, value in arguments.items()},
        },
    )


def delay_queue(queue: str, milliseconds: int, options: QueueOptions) -> commands.Queue.Declare:
    """Declares a queue whose messages go back to `queue` after so long, confirmed inside the server."""
    return quorum_queue(
        delay_of(queue, milliseconds),
        options,
        message_ttl=milliseconds,
        dead_letter_exchange="",
        dead_letter_routing_key=queue,
        dead_letter_strategy="at-least-once",
        overflow="reject-publish",
    )


def _stream(name: str, options: QueueOptions, arguments: dict[str, Any]) -> Frame:
    cluster = {STREAM_COPIES: options.replicas} if options.replicas > 1 else {}
    return commands.Queue.Declare(
        queue=name, durable=True, arguments={"x-queue-type": "stream", **cluster, **arguments}
    )
