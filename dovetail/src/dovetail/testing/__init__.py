"""What tests of applications and of transports need; nothing else imports it.

`memory_queue` is for tests of handlers. `TransportConformance` is the suite that every transport must
pass; it needs pytest and pytest-asyncio. Real servers are in `dovetail.testing.servers`, and the pytest
plugin `dovetail.testing.table` makes a table of what passed.
"""

from __future__ import annotations

import pytest

# So that a failing assertion in the suite shows its values, as in any test file.
pytest.register_assert_rewrite("dovetail.testing.conformance")

from dovetail.testing.conformance import Features, TransportConformance  # noqa: E402
from dovetail.testing.memory import memory_queue  # noqa: E402

__all__ = ["Features", "TransportConformance", "memory_queue"]
