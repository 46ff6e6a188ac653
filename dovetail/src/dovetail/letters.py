"""Dead letters: messages that were given up, with the reason."""

from __future__ import annotations

from datetime import datetime

import msgspec

from dovetail.subjects import matches


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


class LetterFilter(msgspec.Struct, kw_only=True, frozen=True):
    """Which dead letters are meant; what is left out does not restrict."""

    id: str | None = None
    group: str | None = None
    #: A subject or a pattern.
    subject: str | None = None
    #: Text that the reason contains, whatever its case.
    reason: str | None = None
    before: datetime | None = None
    most: int = 1000

    def takes(self, letter: DeadLetter) -> bool:
        """Whether this letter is meant."""
        return (
            self.id in (None, letter.id)
            and self.group in (None, letter.group)
            and (self.subject is None or matches(self.subject, letter.subject))
            and (self.reason is None or self.reason.lower() in letter.reason.lower())
            and (self.before is None or letter.died_at < self.before)
        )
