"""Dead letters: messages that were given up, with the reason."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, TypedDict

import msgspec

from dovetail.checks.arguments import check_all
from dovetail.checks.rules import NotAllowed, Rule, an_object, optional, whole
from dovetail.codec.subjects import check_name, check_pattern, matches
from dovetail.errors import ConfigurationError
from dovetail.limits import MOST_LISTED


class DeadLetter(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """A message that a group gave up, kept for a person to decide."""

    #: Given by the queue when it is kept; empty before.
    id: str = ""
    group: str
    subject: str
    #: The subject or pattern that the group's handler has.
    claimed: str
    kind: str
    #: The CloudEvents id; empty where the bytes are no CloudEvent.
    message_id: str = ""
    #: The error's class and text, on one line.
    reason: str
    traceback: str = ""
    attempts: int
    #: When the message was published, where it says so, and when it was given up.
    published_at: datetime | None = None
    died_at: datetime
    body: bytes
    headers: dict[str, str] | None = None


class Wanted(TypedDict, total=False):
    """The fields of LetterFilter, as keyword arguments."""

    ids: Collection[str] | None
    group: str | None
    subject: str | None
    reason: str | None
    before: datetime | None
    most: int | None


class LetterFilter(msgspec.Struct, kw_only=True, frozen=True):
    """Which dead letters are meant; what is left out does not restrict."""

    #: Only those with one of these.
    ids: frozenset[str] | None = None
    group: str | None = None
    #: A subject or a pattern.
    subject: str | None = None
    #: Text that the reason contains, whatever its case.
    reason: str | None = None
    before: datetime | None = None
    #: The newest so many; None for all.
    most: int | None = None

    @classmethod
    def of(cls, wanted: Wanted) -> LetterFilter:
        """What the keyword arguments say; ConfigurationError where that means nothing."""
        check_all("dead letters", _RULES, wanted)
        ids = wanted.get("ids")
        made = cls(**{**wanted, "ids": None if ids is None else frozenset(ids)})  # type: ignore[arg-type]
        if made.group is not None:
            check_name(made.group, "group")
        if made.subject is not None:
            check_pattern(made.subject)
        if made.before is not None and made.before.tzinfo is None:
            raise ConfigurationError(
                f"before={made.before} has no time zone; give it one, as .astimezone() does"
            )
        return made

    @property
    def by_place_alone(self) -> bool:
        """Whether group and subject decide, so that no letter has to be read to count those that match."""
        return self.ids is None and self.reason is None and self.before is None

    def takes(self, letter: DeadLetter) -> bool:
        """Whether this letter is meant; not how many are."""
        return (
            (self.ids is None or letter.id in self.ids)
            and self.group in (None, letter.group)
            and (self.subject is None or matches(self.subject, letter.subject))
            and (self.reason is None or self.reason.lower() in letter.reason.lower())
            and (self.before is None or letter.died_at < self.before)
        )


def _ids(value: Any) -> Any:
    if (
        isinstance(value, Collection)
        and not isinstance(value, (str, bytes))
        and all(isinstance(one, str) for one in value)
    ):
        return value
    raise NotAllowed("a list of ids, each a text as a dead letter has it")


_TEXT = optional(an_object(str, "a text"))
_RULES: dict[str, Rule] = {
    "ids": optional(_ids),
    "group": _TEXT,
    "subject": _TEXT,
    "reason": _TEXT,
    "before": optional(an_object(datetime, "a datetime with a time zone")),
    "most": optional(whole(1, MOST_LISTED)),
}
