"""Finding the queue of a data folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from todo.queue_address import queue_url
from todo.settings import Settings
from todo.settings_reader import SettingsInvalid


async def test_the_folder_of_another_user_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(SettingsInvalid, match=r"TODO_DATA_DIR: .* is another user's"):
        await queue_url(Settings(data_dir=tmp_path))
