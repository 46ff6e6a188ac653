"""What is said where an optional package is missing."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


@pytest.mark.parametrize(
    ("line", "missing", "package", "extra"),
    [
        ("import dovetail.metrics", "prometheus_client", "prometheus-client", "metrics"),
        ("import dovetail.tracing", "opentelemetry", "opentelemetry-api", "tracing"),
        ("import dovetail.inbox", "sqlalchemy", "'sqlalchemy[asyncio]'", "sqlalchemy"),
        ("dovetail.connect('redis://host')", "hiredis", "hiredis", "redis"),
        ("dovetail.connect('amqp://host')", "pamqp", "pamqp", "rabbitmq"),
    ],
)
def test_missing_package_is_named_with_how_to_get_it(
    line: str, missing: str, package: str, extra: str
) -> None:
    """As if it were not installed, in a process of its own: what is imported stays imported."""
    script = f"import sys, dovetail; sys.modules[{missing!r}] = None; {line}"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    said = done.stderr.strip().splitlines()[-1]
    assert f"needs {missing}: pip install {package} (or 'dovetail-messaging[{extra}]')" in said
    extras = tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]
    assert extras[extra][0].startswith(package.strip("'"))
