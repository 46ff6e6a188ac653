"""The README's handler, run as it says."""

from __future__ import annotations

import re
from pathlib import Path

from dovetail.embedded import EmbeddedServer

from .page import read
from .reader import Reader

PAGE = Path(__file__).parents[3] / "README.md"


async def test_handler_runs_as_the_readme_says(tmp_path: Path) -> None:
    ((name, text),) = re.findall(
        r"^```python\n# (\S+)\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE
    )
    (tmp_path / name).write_text(text)
    # `embedded:` joins it, and so takes free ports
    async with EmbeddedServer(tmp_path / "data", 0, 0), Reader(tmp_path, {}) as reader:
        for step in read(PAGE):
            await reader.do(step)
        assert reader.busy == [], "the page leaves something running"
