"""The names of streams, consumers and subjects on JetStream.

dovetail-events           every event; kept after it was handled, for groups yet to come
dovetail-command-…        one work queue for each command, so that the server itself refuses a second group;
                          its subject is dovetail.command.<subject>, since no two streams may share one
dovetail-dead             dead letters: dovetail.dead.<group>.<subject>
dovetail-attempts         failed attempts: dovetail.attempts.<stream>.<consumer>.<message>
dovetail.attempts.claim.… there, too: that a group has claimed events, by the name of its consumer
dovetail.attempts.ping    there, too: written to see whether the server takes anything
dovetail.replay.…         in dovetail-events: a dead letter handed back to one group
dovetail.replay.=.=.ping  there, too: written to see whether it takes events again, and removed
"""

from __future__ import annotations

from typing import Literal

from dovetail.delivery import Claim
from dovetail.errors import ConfigurationError
from dovetail.transports.nats.limits import LONGEST_CONSUMER_NAME

EVENTS = "dovetail-events"
DEAD = "dovetail-dead"
ATTEMPTS = "dovetail-attempts"
#: Before `<group>.<subject>` of a dead letter, and before `<stream>.<consumer>.<message>` of an attempt.
DEAD_PREFIX, ATTEMPTS_PREFIX = "dovetail.dead.", "dovetail.attempts."
REPLAY = "dovetail.replay"
COMMAND = "dovetail.command"
#: Asks every member of every group which one it is; each answers with the name of its consumer.
MEMBERS = "dovetail.members"
#: In the metadata of the events stream: before what a renamed group is called now, its place being the value;
#: and before what a group that was removed had claimed.
NAME, RELEASED = "dovetail.name.", "dovetail.released."
PING = f"{ATTEMPTS_PREFIX}ping"
#: Before the name of a consumer of events. No stream of ours is called `claim`.
CLAIMED = f"{ATTEMPTS_PREFIX}claim."
#: No group can have this name, so none is handed it.
EVENTS_PING = f"{REPLAY}.=.=.ping"

#: What the events stream takes from the beginning; other subjects are added when they are first used.
FIRST_SUBJECTS = ("events.>", f"{REPLAY}.>")
#: Nanoseconds for JetStream.
SECOND = 1_000_000_000
DAY = 86_400 * SECOND


def escaped(subject: str) -> str:
    """A subject as one word: names of streams and consumers take no dots and wildcards."""
    return subject.replace(".", "=").replace("*", "@").replace(">", "+")


def unescaped(name: str) -> str:
    """The subject behind `escaped`."""
    return name.replace("=", ".").replace("@", "*").replace("+", ">")


def command_stream(subject: str) -> str:
    """The work queue of one command."""
    return f"dovetail-command-{escaped(subject)}"


def command_subject(subject: str) -> str:
    """What a command is published on. Streams that older versions made take the command's own subject."""
    return f"{COMMAND}.{subject}"


def command_of(stream: str) -> str | None:
    """The command whose work queue this is; None for other streams."""
    prefix = command_stream("")
    return unescaped(stream.removeprefix(prefix)) if stream.startswith(prefix) else None


def stream_of(claim: Claim) -> str:
    """The stream that holds what is claimed."""
    return EVENTS if claim.kind == "event" else command_stream(claim.subject)


def kind_of(stream: str) -> Literal["event", "command"]:
    """What lies in one of the streams that groups read."""
    return "event" if stream == EVENTS else "command"


def consumer_name(claim: Claim) -> str:
    """The group's consumer with its stream, as `<stream>.<consumer>`."""
    return f"{stream_of(claim)}.{consumer_of(claim.group, claim.subject)}"


def consumer_of(group: str, subject: str) -> str:
    """The durable consumer of a group for one subject."""
    name = f"{group}={escaped(subject)}"
    if len(name) > LONGEST_CONSUMER_NAME:
        raise ConfigurationError(
            f"the names of a group and its subject are too long together ({name}): "
            f"NATS takes {LONGEST_CONSUMER_NAME - 1} characters"
        )
    return name


def split_consumer(name: str) -> tuple[str, str]:
    """The group and the subject behind a consumer's name."""
    group, _, subject = name.partition("=")
    return group, unescaped(subject)


def heard_by(consumer: str) -> tuple[str, str]:
    """What a group's consumer of events hears: what it has claimed, and what is replayed to it."""
    group, subject = split_consumer(consumer)
    return subject, replay_subject(group, subject, ">")


def replay_subject(group: str, claimed: str, subject: str) -> str:
    """Where a dead letter is handed back: only this group's consumer for `claimed` hears it."""
    return f"{REPLAY}.{group}.{escaped(claimed)}.{subject}"


def own_prefix(claim: Claim) -> str:
    """What stands before a subject where a message is for this group only."""
    if claim.kind == "command":
        return command_subject("")
    return replay_subject(claim.group, claim.subject, "")


def original_subject(subject: str) -> str:
    """The subject of a message that may have come by replay."""
    return subject.split(".", 4)[4] if subject.startswith(f"{REPLAY}.") else subject
