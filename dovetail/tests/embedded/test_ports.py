import os
import subprocess
import sys
from collections import deque

import pytest

from dovetail.embedded import ports

ASK = "import sys; from dovetail.embedded import ports; ports._PORTS = [int(sys.argv[1])]; {}"


def asked(port: int) -> str:
    """What another process gets that has only this port to give."""
    program = ASK.format("print(ports.free_port())")
    done = subprocess.run(
        [sys.executable, "-c", program, str(port)], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or done.stderr.splitlines()[-1]


def test_a_port_is_given_to_one_process_before_its_server_listens() -> None:
    assert "every port is taken" in asked(ports.free_port())


def test_a_port_is_given_again_when_its_process_has_ended() -> None:
    port = 14_999  # no other test can get it
    assert asked(port) == str(port) == asked(port)


def test_ports_one_after_another_are_all_given() -> None:
    first = ports.free_ports(3)
    for port in range(first, first + 3):
        assert "every port is taken" in asked(port)


def test_many_ports_take_few_files(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: deque[int] = deque()
    monkeypatch.setattr(ports, "_kept", kept)
    monkeypatch.setattr(ports, "_KEPT", 2)
    given = [ports.free_port() for _ in range(5)]
    assert len(set(given)) == 5
    assert len(kept) == 2
    assert asked(given[0]) == str(given[0])
    for file in kept:
        os.close(file)
