"""What `todo up` runs together listens at ports of its own."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from todo.listen_address import ListenAddress
from todo.port_check import check_ports
from todo.settings import Settings
from todo.settings_reader import SettingsInvalid

BOTH = ("web", "api", "save-handler")


@pytest.mark.parametrize(
    ("given", "named", "other"),
    [
        ({"web_port": 9000, "api_port": 9000}, "TODO_API_PORT", "TODO_WEB_PORT"),
        ({"web_port": 4222}, "TODO_QUEUE_PORT", "TODO_WEB_PORT"),
        ({"api_port": 8222}, "TODO_QUEUE_MONITOR_PORT", "TODO_API_PORT"),
        ({"queue_monitor_port": 4222}, "TODO_QUEUE_MONITOR_PORT", "TODO_QUEUE_PORT"),
        ({"web_host": "0.0.0.0", "web_port": 8081}, "TODO_API_PORT", "TODO_WEB_PORT"),
        ({"api_host": "::", "web_port": 8081}, "TODO_API_PORT", "TODO_WEB_PORT"),
    ],
)
def test_one_port_for_two_is_refused(given: dict[str, Any], named: str, other: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        check_ports(Settings(**given), BOTH, queue=True)
    (line,) = caught.value.lines
    assert line.startswith(f"{named}: ")
    assert f"is {other}, too; allowed is another port" in line


def test_ports_of_what_does_not_run_here_do_not_matter() -> None:
    check_ports(Settings(), BOTH, queue=True)
    check_ports(Settings(web_port=9000, api_port=9000), ("web", "save-handler"), queue=True)
    check_ports(Settings(web_port=4222), BOTH, queue=False)
    apart = Settings(web_port=9000, api_port=9000, web_host="127.0.0.2", api_host="127.0.0.3")
    check_ports(apart, BOTH, queue=True)


def test_whoever_bound_first_and_listens_second_is_told() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    place = ListenAddress("127.0.0.1", port, "TODO_WEB_HOST", "TODO_WEB_PORT")
    with place.bind() as first, place.bind() as second:
        place.listen(first)
        with pytest.raises(SettingsInvalid, match=f"TODO_WEB_PORT: port {port} of 127.0.0.1 is in"):
            place.listen(second)
