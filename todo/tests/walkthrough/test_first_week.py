"""docs/first-week.md, done as it says: its programs are in the folder, its commands in their terminals."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from dovetail.embedded import EmbeddedServer
from dovetail.embedded.ports import free_port
from dovetail.testing.servers import ServerMissing

from .page import read
from .reader import Reader

PAGE = Path(__file__).parents[3] / "docs" / "first-week.md"


def write_programs(folder: Path) -> set[str]:
    blocks = re.findall(
        r"^```python\n# (\S+)\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE
    )
    for name, text in blocks:
        (folder / name).write_text(text)
    return {name for name, _ in blocks}


@pytest.mark.slow  # every command of the page, one after the other
@pytest.mark.timeout(300)
async def test_everything_happens_as_the_page_says(tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        raise ServerMissing("curl is missing: apt-get install curl")
    programs = write_programs(tmp_path)
    steps = read(PAGE)
    run = {name for name in programs if any(name in (step.command or "") for step in steps)}
    assert run == {"one_bill.py", "renamed.py", "versions.py"}
    async with (
        EmbeddedServer(tmp_path / "data", 0, 0),  # `embedded:` joins it, and so takes free ports
        Reader(tmp_path, {"8000": str(free_port())}, {"QUEUE_URL": "embedded:"}) as reader,
    ):
        for step in steps:
            await reader.do(step)
        assert reader.busy == [], "the page leaves something running"
