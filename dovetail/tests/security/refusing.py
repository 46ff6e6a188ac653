"""What connecting raises where something is wrong for good."""

from __future__ import annotations

import time

import pytest

from dovetail import ConfigurationError, connect

SETTING = "TODO_QUEUE_URL"


async def refused(url: str) -> str:
    """The error that names the setting, at once: waiting does not make it right."""
    started = time.monotonic()
    with pytest.raises(ConfigurationError) as caught:
        await connect(url, setting=SETTING).__aenter__()
    assert time.monotonic() - started < 2
    assert caught.value.setting == SETTING
    assert SETTING in str(caught.value)
    return str(caught.value)
