"""Fixtures of the tests that are the same for each technology."""

from __future__ import annotations

from pathlib import Path

import pytest

from .authority import Authority
from .technology import TECHNOLOGIES, NewServer, Technology


@pytest.fixture(params=TECHNOLOGIES, ids=lambda technology: technology.name)
def technology(request: pytest.FixtureRequest) -> Technology:
    chosen: Technology = request.param
    return chosen


@pytest.fixture
def new_server(technology: Technology, request: pytest.FixtureRequest) -> NewServer:
    start: NewServer = request.getfixturevalue(f"new_{technology.name}_server")
    return start


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)
