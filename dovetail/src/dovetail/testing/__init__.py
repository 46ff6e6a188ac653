"""What tests of applications and of transports need; nothing else imports it.

`memory_queue` is for tests of handlers, in any test framework. `TransportConformance` is the suite that every
transport must pass; it needs pytest and pytest-asyncio. Real servers are in `dovetail.testing.servers`, and
the pytest plugin `dovetail.testing.table` makes a table of what passed.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from dovetail.testing.memory import MemoryQueue, memory_queue

if TYPE_CHECKING:
    from dovetail.testing.conformance import Features, TransportConformance

if pytest := sys.modules.get("pytest"):
    # So that a failing assertion in the suite shows its values, as in any test file.
    pytest.register_assert_rewrite("dovetail.testing.conformance")

__all__ = ["Features", "MemoryQueue", "TransportConformance", "memory_queue"]


def __getattr__(name: str) -> Any:
    """The suite, as soon as somebody asks for it: it needs pytest."""
    if name not in ("Features", "TransportConformance"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("dovetail.testing.conformance"), name)
