"""Every error that Dovetail raises.

DovetailError
├── ConfigurationError      an address, a name or a setting is wrong; nothing was tried
│   ├── CommandClaimed      another group already handles this command
│   └── Unsupported         this transport cannot give the feature that was asked for
├── QueueError              the queue did not do what was asked
│   ├── QueueUnavailable    it cannot be reached, or did not confirm in time
│   ├── QueueFull           its store has no room; nothing was accepted
│   └── MessageTooLarge     over the queue's limit; nothing was accepted
├── NoGroup                 a command that no group has ever claimed; nothing was accepted
├── NoAnswer                a request that nobody answered in time
│   └── NobodyListening     nobody was there to answer
├── HandlerFailed           the handler of a request raised; carries its words
├── EncodeError             a message that nobody could decode; nothing was published
├── DecodeError             bytes that are not the message expected
├── DeadLetterNotFound      no dead letter has that id
└── Outcome                 raised by handlers, to say what to do with the message
    ├── Retry               try again, after a delay of the handler's choice
    ├── Reject              give up now: to the dead letters, without further attempts
    └── NotReady            a dependency is down: pause the group, use up no attempt
"""

from __future__ import annotations

from dovetail.checks.rules import NotAllowed, Seconds, not_allowed, optional, seconds

_AFTER = optional(seconds())


class DovetailError(Exception):
    """The base of every error of this library."""


class ConfigurationError(DovetailError):
    """An address, a name or a setting is wrong. `setting` names it, where one is known."""

    def __init__(self, message: str, *, setting: str | None = None) -> None:
        super().__init__(message)
        self.setting = setting


class CommandClaimed(ConfigurationError):
    """A command belongs to one group; `group` already has this one."""

    def __init__(self, subject: str, group: str) -> None:
        super().__init__(
            f"the command {subject!r} is already handled by the group {group!r}; "
            "a command has one group: use that name, or make it an Event; to hand the command over, "
            f"`dovetail group rename {group} NEW`, or `dovetail group remove {group}`, which frees it"
        )
        self.subject = subject
        self.group = group


class Unsupported(ConfigurationError):
    """The transport does not have this feature."""


class QueueError(DovetailError):
    """The queue did not do what was asked. `id` is the message's, where there is one."""

    def __init__(self, message: str, *, id: str | None = None) -> None:
        super().__init__(message)
        self.id = id


class QueueUnavailable(QueueError):
    """The queue cannot be reached or did not confirm in time.

    Publishing again under the same `id` is harmless: the queue keeps one copy.
    """


class QueueFull(QueueError):
    """The queue's store has no room left. Nothing was accepted, or a part of what was published together."""


class MessageTooLarge(QueueError):
    """The message is over the queue's limit of `limit` bytes. Nothing was accepted.

    `setting` says where the limit is set, if the queue lets one set it.
    """

    def __init__(
        self, size: int, limit: int, *, id: str | None = None, setting: str | None = None
    ) -> None:
        where = f" ({setting})" if setting else ""
        super().__init__(
            f"the message has {size} bytes, the queue takes {limit} at most{where}", id=id
        )
        self.size = size
        self.limit = limit
        self.setting = setting


class NoGroup(DovetailError):
    """No group has ever claimed this command. Nothing was accepted."""

    def __init__(self, subject: str) -> None:
        super().__init__(
            f"no group handles the command {subject!r}; start its worker once, then send"
        )
        self.subject = subject


class NoAnswer(DovetailError):
    """A request was not answered in time."""


class NobodyListening(NoAnswer):
    """Nobody was there to answer."""

    def __init__(self, subject: str) -> None:
        super().__init__(f"nobody answers {subject!r}; is its worker running?")
        self.subject = subject


class HandlerFailed(DovetailError):
    """The handler of a request raised; the text is what it said."""


class EncodeError(DovetailError):
    """This message could not be decoded by those who get it. Nothing was published."""


class DecodeError(DovetailError):
    """These bytes are not the message that was expected."""


class DeadLetterNotFound(DovetailError):
    """No dead letter has this id."""

    def __init__(self, id: str) -> None:
        super().__init__(
            f"no dead letter has the id {id!r}; `dovetail dead list` shows what there is"
        )
        self.id = id


class Outcome(DovetailError):
    """Raised by a handler to say what is to be done with the message."""


class Retry(Outcome):
    """Try again; `after` seconds (or a timedelta) from now, or by the group's backoff. Counts as an attempt.

    One that is made wrong raises ConfigurationError where it is made: the handler has failed then.
    """

    _after: float | None = None

    def __init__(self, message: str | Exception = "", *, after: Seconds | None = None) -> None:
        if not isinstance(message, (str, Exception)):
            raise ConfigurationError(
                f"Retry({message!r}): the first argument is the reason, a text; "
                "write Retry('why', after=seconds) to choose the pause"
            )
        super().__init__(message)
        self.after = after

    @property
    def after(self) -> float | None:
        """Seconds; None for the group's backoff."""
        return self._after

    @after.setter
    def after(self, after: Seconds | None) -> None:
        try:
            self._after = _AFTER(after)
        except NotAllowed as allowed:
            raise ConfigurationError(not_allowed("Retry", "after", after, allowed)) from None


class Reject(Outcome):
    """This message will never succeed: move it to the dead letters now."""


class NotReady(Outcome):
    """A dependency is down: pause the group and try again later, using up no attempt."""
