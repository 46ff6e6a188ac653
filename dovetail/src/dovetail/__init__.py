"""Write an event handler once, run it on the queue you have, lose nothing and do nothing twice."""

from dovetail.codec.envelope import Received
from dovetail.codec.escaping import LogFormatter, printable
from dovetail.codec.identifiers import new_id
from dovetail.context import Context
from dovetail.dead_letter import DeadLetter
from dovetail.dead_letters import DeadLetters
from dovetail.errors import (
    CommandClaimed,
    ConfigurationError,
    DeadLetterNotFound,
    DecodeError,
    DovetailError,
    EncodeError,
    HandlerFailed,
    MessageTooLarge,
    NoAnswer,
    NobodyListening,
    NoGroup,
    NotReady,
    QueueError,
    QueueFull,
    QueueUnavailable,
    Reject,
    Retry,
    Unsupported,
)
from dovetail.gather import Gathered
from dovetail.group import Group
from dovetail.message import Command, Event, Request
from dovetail.network.os_errors import plain_error
from dovetail.observer import Observer, Settled, Span, Tracer
from dovetail.opening import connect
from dovetail.queue import MessageQueue
from dovetail.retry import Backoff
from dovetail.status import GroupStatus, QueueStatus
from dovetail.worker import Worker, run

__all__ = [
    "Backoff",
    "Command",
    "CommandClaimed",
    "ConfigurationError",
    "Context",
    "DeadLetter",
    "DeadLetterNotFound",
    "DeadLetters",
    "DecodeError",
    "DovetailError",
    "EncodeError",
    "Event",
    "Gathered",
    "Group",
    "GroupStatus",
    "HandlerFailed",
    "LogFormatter",
    "MessageQueue",
    "MessageTooLarge",
    "NoAnswer",
    "NoGroup",
    "NobodyListening",
    "NotReady",
    "Observer",
    "QueueError",
    "QueueFull",
    "QueueStatus",
    "QueueUnavailable",
    "Received",
    "Reject",
    "Request",
    "Retry",
    "Settled",
    "Span",
    "Tracer",
    "Unsupported",
    "Worker",
    "connect",
    "new_id",
    "plain_error",
    "printable",
    "run",
]
