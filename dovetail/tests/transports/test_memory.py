"""The queue in memory."""

from __future__ import annotations

import pytest

from dovetail.testing import Features, TransportConformance
from dovetail.testing.conformance.names import fresh
from dovetail.transports.memory import transport


class TestMemory(TransportConformance):
    features = Features(processes=False)

    @pytest.fixture
    def address(self) -> str:
        return f"memory://{fresh('queue')}"

    @pytest.fixture
    def own_address(self, monkeypatch: pytest.MonkeyPatch) -> str:
        monkeypatch.setattr(transport, "TRIM_SECONDS", 0.1)
        return f"memory://{fresh('queue')}"
