"""What several tests of settings do."""

from __future__ import annotations

import pytest

from todo.settings import read_settings
from todo.settings_reader import SettingsInvalid


def complaints() -> list[str]:
    """What is said of the settings, which must be wrong."""
    with pytest.raises(SettingsInvalid) as raised:
        read_settings()
    return raised.value.lines
