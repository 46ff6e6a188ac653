"""Which targets are taken, and what is said of others."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from todo.handlers.webhook_handler import usable
from todo.settings_reader import SettingsInvalid
from todo.webhooks.settings import Target, WebhookHandlerSettings, check_targets

GOOD = "https://example.org/hook"


def targets(*fields: dict[str, Any]) -> tuple[Target, ...]:
    return msgspec.convert(list(fields), tuple[Target, ...])


@pytest.mark.parametrize(
    "fields",
    [
        {"url": GOOD},
        {"url": "https://example.org:8443/a/b?token=c"},
        {"url": "https://[2606:4700::1111]/"},
        {"url": GOOD, "name": "crm-2"},
        {"url": GOOD, "secret": "whsec_" + base64.b64encode(b"x" * 24).decode()},
        {"url": GOOD, "subjects": ["events.todo.item.*"]},
        {"url": GOOD, "subjects": ["events.todo.itemsaved", "events.todo.changesaved"]},
    ],
)
def test_what_is_taken(fields: dict[str, Any]) -> None:
    check_targets(targets(fields))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"url": "ftp://example.org/"}, "begins with https://"),
        ({"url": "https:///hook"}, "begins with https://"),
        ({"url": "https://example.org:99999/"}, "cannot be read"),
        ({"url": "https://[::1/"}, "cannot be read"),
        ({"url": "https://me:word@example.org/"}, "`authorization`"),
        ({"url": f"{GOOD}#part"}, "'#'"),
        ({"url": f"{GOOD} x"}, "characters that none can have"),
        ({"url": f"{GOOD}\r\nX: y"}, "characters that none can have"),
        ({"url": f"{GOOD}/é"}, "characters that none can have"),
        ({"url": GOOD + "x" * 2000}, "characters that none can have"),
        ({"url": GOOD, "name": "Ü"}, "small letters"),
        ({"url": GOOD, "secret": "word"}, "whsec_"),
        ({"url": GOOD, "secret": "whsec_AAAA"}, "24 to 64 bytes"),
        ({"url": GOOD, "secret": "whsec_ß"}, "24 to 64 bytes"),
        ({"url": GOOD, "authorization": "a\nb"}, "header cannot have"),
        ({"url": GOOD, "subjects": []}, "`subjects`"),
        ({"url": GOOD, "subjects": ["requests.todo.count"]}, "`subjects`"),
        ({"url": GOOD, "subjects": ["events.>", "events.todo.newitem"]}, "`subjects`"),
        ({"url": GOOD, "subjects": ["events.todo.newitem"] * 2}, "`subjects`"),
    ],
)
def test_what_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        check_targets(targets(fields))
    assert "word" not in str(caught.value)


def test_names_are_given_once() -> None:
    for names in (("", ""), ("a", "a")):
        with pytest.raises(ValueError, match="the same name"):
            check_targets(targets(*({"url": GOOD, "name": name} for name in names)))
    check_targets(targets({"url": GOOD}, {"url": GOOD, "name": "a"}))


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://a.localhost/",
        "https://10.1.2.3/",
        "https://169.254.169.254/latest",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
    ],
)
def test_private_addresses_have_to_be_allowed(url: str) -> None:
    found = targets({"url": url})
    check_targets(found)
    with pytest.raises(SettingsInvalid, match="PRIVATE_ADDRESSES=true"):
        usable(WebhookHandlerSettings(found))
    allowed = WebhookHandlerSettings(found, private_addresses=True)
    assert usable(allowed) is allowed


def test_without_targets_there_is_nothing_to_do() -> None:
    with pytest.raises(SettingsInvalid, match="TODO_WEBHOOK_HANDLER__TARGETS"):
        usable(WebhookHandlerSettings())
