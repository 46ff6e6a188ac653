"""What users import stays importable."""

from __future__ import annotations

import inspect
import subprocess
import sys

import dovetail
import dovetail.testing

NAMES = """
Backoff Command CommandClaimed ConfigurationError Context DeadLetter DeadLetterNotFound DeadLetters
DecodeError DovetailError EncodeError Event Gathered Group GroupStatus HandlerFailed LogFormatter MessageQueue
MessageTooLarge NoAnswer NoGroup NobodyListening NotReady Observer QueueError QueueFull QueueStatus
QueueUnavailable Received Reject Request Retry Settled Span Tracer Unsupported Worker connect new_id
plain_error printable run
"""
TESTING_NAMES = "Features MemoryQueue TransportConformance memory_queue"


def test_names_are_pinned() -> None:
    assert sorted(dovetail.__all__) == sorted(NAMES.split())
    assert sorted(dovetail.testing.__all__) == sorted(TESTING_NAMES.split())


def test_every_name_is_there_and_documented() -> None:
    for name in dovetail.__all__:
        value = getattr(dovetail, name)
        assert inspect.getdoc(value), name
        assert value.__module__.split(".")[0] == "dovetail"


def test_importing_is_cheap() -> None:
    """No transport, server, command line or test kit comes with the library's own names."""
    script = "import sys, dovetail; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    heavy = {
        "prometheus_client",
        "opentelemetry",
        "click",
        "rich",
        "pytest",
        "sqlalchemy",
        "dovetail.testing",
        "dovetail.embedded",
    }
    assert not loaded & heavy
    transports = {name for name in loaded if name.startswith("dovetail.transports.")}
    assert transports == {"dovetail.transports.registry"}
