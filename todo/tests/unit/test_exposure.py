"""What other machines can reach needs a password, or the word that it does not."""

from __future__ import annotations

import pytest

from todo.exposure import check_exposed
from todo.settings import Settings
from todo.settings_reader import SettingsInvalid

BOTH = ("web", "api", "save-handler")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "0", "::ffff:192.0.2.1"])
def test_everywhere_else_it_is_needed(host: str) -> None:
    for settings, component in (
        (Settings(web_host=host), "WEB"),
        (Settings(api_host=host), "API"),
    ):
        with pytest.raises(SettingsInvalid) as caught:
            check_exposed(settings, BOTH)
        (line,) = caught.value.lines
        assert line.startswith(f"TODO_{component}_HOST ({host}): ")
        assert "TODO_PASSWORD" in line
        assert "TODO_OPEN=true" in line


def test_one_line_for_both() -> None:
    with pytest.raises(SettingsInvalid) as caught:
        check_exposed(Settings(web_host="0.0.0.0", api_host="::"), BOTH)
    assert len(caught.value.lines) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "127.3.2.1", "localhost", "::1", "::ffff:127.0.0.1"])
def test_on_this_machine_it_is_not(host: str) -> None:
    check_exposed(Settings(web_host=host, api_host=host), BOTH)


@pytest.mark.parametrize(
    "settings",
    [
        Settings(web_host="0.0.0.0", password="x"),
        Settings(web_host="0.0.0.0", open=True),
        Settings(web_host="0.0.0.0", publish="127.0.0.1"),
        Settings(api_host="0.0.0.0"),
    ],
    ids=["password", "open", "published on loopback", "another component"],
)
def test_these_may_run(settings: Settings) -> None:
    check_exposed(settings, ("web", "save-handler"))


def test_a_port_that_is_published_everywhere_needs_it() -> None:
    with pytest.raises(SettingsInvalid):
        check_exposed(Settings(web_host="0.0.0.0", publish="0.0.0.0"), BOTH)
