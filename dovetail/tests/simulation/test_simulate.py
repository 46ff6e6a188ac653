"""`make simulate`, for a short time: the promises hold, and the same seed gives the same run."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def _simulate(*arguments: str, hashes: str = "0") -> str:
    """What it prints; it skips where there is no Python that is new enough, and none is to be had."""
    command = [str(ROOT / "scripts/simulate.sh"), *arguments]
    environment = {**os.environ, "PYTHONHASHSEED": hashes}
    done = subprocess.run(
        command, check=False, env=environment, capture_output=True, text=True, timeout=280
    )
    if "needs Python 3.12" in done.stdout and done.returncode == 0:
        pytest.skip(done.stdout.strip())
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module", autouse=True)
def environment() -> None:
    """Made before, as that is said in the first output."""
    _simulate("--help")


@pytest.mark.parametrize("seed", ["3", "44"], ids=["first", "second"])
def test_the_same_seed_gives_the_same_run_in_every_process(seed: str) -> None:
    once, again = (_simulate("--seed", seed, hashes=hashes) for hashes in ("1", "2"))
    assert "every decision" in once
    assert once == again


@pytest.mark.parametrize("queue", ["redis", "nats", "rabbitmq"])
def test_histories_over_a_server_keep_every_promise(queue: str) -> None:
    found = _simulate("--queue", queue, "--seeds", "10", "--jobs", "1")
    assert "none broke a promise" in found


@pytest.mark.parametrize("queue", ["redis", "nats", "rabbitmq"])
def test_the_same_seed_gives_the_same_run_over_a_server(queue: str) -> None:
    once, again = (_simulate("--queue", queue, "--seed", "5", hashes=hashes) for hashes in "12")
    assert "every decision" in once
    assert once == again


def test_what_breaks_a_promise_is_found() -> None:
    """The simulation itself is tested by taking a safeguard away."""
    found = _simulate("--ablation", "--only", "the queue counts attempts", "--seeds", "50")
    assert "| the queue counts attempts |" in found


def test_what_breaks_a_promise_over_a_server_is_found() -> None:
    safeguard = "Redis: leases are renewed"
    found = _simulate("--queue", "redis", "--ablation", "--only", safeguard, "--seeds", "10")
    assert f"| {safeguard} |" in found
