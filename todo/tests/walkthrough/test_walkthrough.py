"""The walk-through, done as it says: every command, in its terminal, with the output that is shown."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dovetail.testing.servers import ServerMissing

from .page import read
from .reader import Reader

PAGE = Path(__file__).parents[3] / "docs" / "walkthrough.md"
#: The folder in which the page's commands run.
FOLDER = "/tmp/tour"


@pytest.mark.slow  # every command of the page, one after the other
@pytest.mark.timeout(300)  # a reader has more patience, too, where the machine is busy
async def test_everything_happens_as_the_page_says(tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        raise ServerMissing("curl is missing: apt-get install curl")
    async with Reader(tmp_path, {FOLDER: str(tmp_path)}) as reader:
        for step in read(PAGE):
            await reader.do(step)
        assert reader.busy == [], "the page leaves something running"
