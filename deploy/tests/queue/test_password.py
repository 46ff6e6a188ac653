"""The queue's password, as a user may have written it into its file."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .nats_pods import FILES


@pytest.mark.parametrize("password", ["", "\n", "it's", "a b", "a/b", "a@b", "a$b", "ä"])
def test_one_that_will_not_do_is_told_in_a_line(tmp_path: Path, password: str) -> None:
    script = (FILES / "start.sh").read_text().replace("/run/secrets", str(tmp_path))
    (tmp_path / "todo_queue_password").write_text(password)
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line == (
        f"{tmp_path}/todo_queue_password: the queue's password must be letters, digits, - and _, "
        "and not empty"
    )
