"""Names of streams, keys and channels. All keys begin with one hash tag: they share a node of a cluster.

{dovetail}:events:<subject>             a stream of the events on one subject, kept after they were handled
{dovetail}:queue:<group>:<claimed>      a stream of what one group alone is to handle, removed when it is:
                                        commands, copies of what matches a pattern, what is delivered again,
                                        replays
{dovetail}:delayed:<group>:<claimed>    a sorted set of what waits for its next attempt, by when that is
{dovetail}:late:<group>:<claimed>       a sorted set of what was acked after its lease had ended, for a day
{dovetail}:dead                         a stream of dead letters; {dovetail}:dead:counts by group and subject
{dovetail}:dropped:<call>               a letter was replayed or dropped just now: in case it is said again
{dovetail}:ids:<minute>                 a set of the ids that were published lately
{dovetail}:subjects                     a set of the subjects that have a stream of events
{dovetail}:claims                       what groups have claimed: <group>:<claimed> → kind
{dovetail}:commands                     which group has which command; none where it was removed
{dovetail}:patterns                     which queues get copies: <group>:<claimed> → what a subject matches
{dovetail}:founding                     how far the history was copied for a pattern that is claimed just now
{dovetail}:serving:<subject>            a set of the groups that answer requests; …:<group> of their members
{dovetail}:bytes                        about how much the events take
{dovetail}:names                        the places of renamed groups, by what they are called now
{dovetail}:released                     a set of what groups that were removed had claimed, as Lua matches it
{dovetail}:members:<group>:<claimed>    when each member said last that it runs
{dovetail}:left                         when a member left last: by <group>:<claimed>
{dovetail}:ping                         written and removed, to see whether the server takes anything
{dovetail}:last                         the id of the last event, which is that of its entry

In a stream, `body` is the message's bytes. Other fields are its headers, but for those named dovetail-…
Live events go over the channel that is named as the subject, with the database's number before it where that
is not 0 (`1:events.todo.newitem`): Redis has one set of channels for all databases. Requests and answers go
over sharded channels {dovetail}:to:<member>, which nobody else has.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from dovetail.codec.subjects import is_pattern
from dovetail.delivery import Claim

TAG = "{dovetail}"


class Member(NamedTuple):
    """One member of a group, in the order in which the scripts take it."""

    group: str
    #: The subject or pattern.
    claimed: str
    #: What the streams know it by.
    consumer: str


def events_of(subject: str) -> str:
    """The stream of one subject's events."""
    return f"{TAG}:events:{subject}"


def queue_of(group: str, claimed: str) -> str:
    """The stream of what only this group is to handle."""
    return f"{TAG}:queue:{group}:{claimed}"


def streams_of(claim: Claim) -> list[str]:
    """What a member reads: the group's queue first."""
    streams = [queue_of(claim.group, claim.subject)]
    if claim.kind == "event" and not is_pattern(claim.subject):
        streams.append(events_of(claim.subject))
    return streams


def channel_of(member: str) -> str:
    """Where requests to a member, or answers to whoever asked, are sent."""
    return f"{TAG}:to:{member}"


def channel_prefix_of(database: int) -> str:
    """What stands before a subject in the name of its channel. No subject has a colon."""
    return f"{database}:" if database else ""


def is_of_other_database(channel: str) -> bool:
    """Whether a channel that was heard in database 0 is one of another database's."""
    number, colon, _ = channel.partition(":")
    return bool(colon) and number.isdecimal()


def glob_of(pattern: str) -> str:
    """What PSUBSCRIBE takes: it lets through more than the pattern means."""
    return pattern.replace(">", "*")


def lua_pattern_of(claimed: str) -> str:
    """What the scripts match subjects against; empty for a subject that is no pattern."""
    return lua_match_of(claimed) if is_pattern(claimed) else ""


def lua_match_of(claimed: str) -> str:
    """What Lua matches that subject, or the subjects of that pattern, by."""
    escaped = re.sub(r"[.-]", r"%\g<0>", claimed)
    return "^" + escaped.replace("*", "[^.]+").replace(">", ".+") + "$"
