"""docs/settings.md says what the code does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec

from todo.settings import Settings
from todo.settings_monitoring import CONFIG_FILE, SECRETS_DIR, Means
from todo.settings_reader import setting_fields

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "settings.md"


def test_the_page_is_what_the_code_says() -> None:
    script = ROOT / "scripts" / "settings-page.py"
    run = subprocess.run(
        [sys.executable, script, "--check"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr


def test_every_setting_is_on_the_page_once() -> None:
    rows = [line.split("`")[1] for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    settings = ["TODO_" + "__".join(path).upper() for path, _ in setting_fields(Settings)]
    assert sorted(rows) == sorted([*settings, CONFIG_FILE, SECRETS_DIR])


def test_defaults_are_allowed() -> None:
    for _, field in setting_fields(Settings):
        if field.default is not None:
            msgspec.convert(
                field.default, field.type, strict=False, dec_hook=lambda kind, it: kind(it)
            )


def test_what_a_setting_means_is_a_sentence() -> None:
    for path, field in setting_fields(Settings):
        (means,) = (one for one in field.type.__metadata__ if isinstance(one, Means))
        assert means.endswith("."), path
