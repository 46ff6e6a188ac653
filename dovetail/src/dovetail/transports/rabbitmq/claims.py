"""What groups have claimed, for everybody to see: a stream of facts, of which none is ever taken back.

What is true once stays true, but for what an operator changes: that a claim was removed, or a group renamed,
is a fact behind those that it undoes. So nobody has to agree with anybody before writing: a fact that stands
there twice says no more than once; who reads less than all of them sees an earlier state, never a wrong one.
Only who claims a command must be the first, and the order of the stream says who was.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Literal

import msgspec

from dovetail.codec.subjects import matches
from dovetail.delivery import Claim
from dovetail.errors import ConfigurationError
from dovetail.transports.rabbitmq import limits, streams
from dovetail.transports.rabbitmq.frames import Content
from dovetail.transports.rabbitmq.topology import COMMANDS, EVENTS, REGISTRY, queue_of
from dovetail.transports.rabbitmq.wire import Wire

log = logging.getLogger("dovetail.rabbitmq")


class RegisteredClaim(msgspec.Struct, frozen=True, omit_defaults=True):
    """One group's claim to one subject or pattern; as a fact, what somebody adds to it."""

    group: str
    subject: str
    kind: Literal["event", "command"]
    #: Whether its queue has all that it is to have from before.
    provisioned: bool = msgspec.field(default=False, name="founded")
    #: Whether that was copied, so that each stream has a mark of it.
    marked: bool = False
    #: For how many milliseconds messages of it have ever waited.
    delays: tuple[int, ...] = ()
    #: Whether it has ever had a dead letter.
    dead: bool = False
    #: Whether it was of the other kind once: what its queue has may be from then.
    changed: bool = False
    #: Says that this claim has ended.
    removed: bool = False
    #: Says what groups are called now, each with the name of its place; nothing else then.
    names: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, claim: Claim) -> RegisteredClaim:
        """As it is registered first."""
        return cls(claim.group, claim.subject, claim.kind)

    @property
    def queue(self) -> str:
        """The name of its queue."""
        return queue_of(self.group, self.subject)

    @property
    def says_kind(self) -> bool:
        """Whether this fact is of who claims. One of delays or dead letters may be of another release."""
        return not self.delays and not self.dead

    def with_fact(self, fact: RegisteredClaim) -> RegisteredClaim:
        """What both say. A claim that changes its kind has yet to be provisioned as that."""
        kind = fact.kind if fact.says_kind else self.kind
        same = kind == self.kind
        return msgspec.structs.replace(
            self,
            kind=kind,
            provisioned=(same and self.provisioned) or fact.provisioned,
            marked=(same and self.marked) or fact.marked,
            changed=self.changed or not same,
            delays=tuple(sorted({*self.delays, *fact.delays})),
            dead=self.dead or fact.dead,
        )

    def takes(self, content: Content) -> bool:
        """Whether what lies in a stream was for this claim."""
        if self.kind == "event":
            return is_event(content, self.subject)
        return content.exchange == COMMANDS and content.key == self.subject


class RegisteredClaims(dict[str, RegisteredClaim]):
    """By the names of their queues."""

    def __init__(self) -> None:
        super().__init__()
        #: The places of renamed groups, by what they are called now.
        self.names: dict[str, str] = {}
        #: Claims to commands that were removed: what waited there is for whoever claims them next.
        self.freed: dict[str, list[RegisteredClaim]] = {}


_decode = msgspec.json.Decoder(RegisteredClaim).decode


def is_event(content: Content, pattern: str) -> bool:
    """Whether what lies in a stream is an event on such a subject."""
    return content.exchange == EVENTS and matches(pattern, content.key)


async def read(wire: Wire) -> RegisteredClaims:
    """What is registered now, or was a moment ago; shared by all on this connection, so not to be changed."""
    last = await streams.last(wire, REGISTRY, limits.SILENT_CLAIMS_SECONDS)
    # What others put there may have no id.
    end = (last and last.properties.message_id) or await streams.append(wire, REGISTRY)
    known: tuple[str, RegisteredClaims] | None = wire.remembered.get(REGISTRY)
    if known is None or known[0] != end:
        known = wire.remembered[REGISTRY] = end, await _up_to(wire, end)
    return known[1]


async def add(wire: Wire, fact: RegisteredClaim) -> RegisteredClaims:
    """Register a fact; gives all that was registered until then."""
    return await _up_to(wire, await streams.append(wire, REGISTRY, msgspec.json.encode(fact)))


async def know(wire: Wire, fact: RegisteredClaim) -> None:
    """Return when the fact is registered."""
    known = (await read(wire)).get(fact.queue)
    if known is None or known.with_fact(fact) != known:
        await add(wire, fact)


async def _up_to(wire: Wire, end: str) -> RegisteredClaims:
    facts: list[RegisteredClaim] = []
    async for part in streams.up_to(wire, REGISTRY, end):
        facts += [fact for one in part if one.body and (fact := _fact_in(one, wire))]
    return together(facts)


def _fact_in(content: Content, wire: Wire) -> RegisteredClaim | None:
    """None for what others put there; that is said once on each connection."""
    try:
        fact = _decode(content.body)
        queue_of(fact.group, fact.subject)
    except (msgspec.DecodeError, ValueError, RecursionError, ConfigurationError) as error:
        told: set[int] = wire.remembered.setdefault(f"strange in {REGISTRY}", set())
        if (offset := streams.offset_of(content)) not in told:
            told.add(offset)
            log.warning(
                "what others put into %s at offset %d is no claim: %s", REGISTRY, offset, error
            )
        return None
    return fact


def together(facts: Iterable[RegisteredClaim]) -> RegisteredClaims:
    """What the facts say. A command belongs to the group that claimed it first."""
    claims = RegisteredClaims()
    owners: dict[str, str] = {}
    for fact in facts:
        if fact.names:
            claims.names.update(fact.names)
            continue
        if fact.removed:
            _remove(claims, owners, fact)
            continue
        known = claims.get(fact.queue)
        after = known.with_fact(fact) if known else fact
        if after.kind == "command" and owners.setdefault(fact.subject, fact.group) != fact.group:
            continue
        if known and (known.kind, after.kind) == ("command", "event"):
            del owners[fact.subject]
        claims[fact.queue] = after
    return claims


def _remove(claims: RegisteredClaims, owners: dict[str, str], fact: RegisteredClaim) -> None:
    known = claims.pop(fact.queue, None)
    if known is not None and known.kind == "command":
        owners.pop(fact.subject, None)
        claims.freed.setdefault(fact.subject, []).append(known)
