"""Writes docs/settings.md from what stands beside the settings; with --check, says whether it is stale."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec

from todo.settings import CalendarSettings, MutatingHandlerSettings, SaveHandlerSettings, Settings
from todo.settings_monitoring import OTHERS, PREFIX, Means, MonitoringSettings
from todo.settings_reader import is_section, meta_of, setting_fields
from todo.webhooks.settings import WebhookHandlerSettings

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"

HEAD = """\
# Settings

This page is written from the code, by `scripts/settings-page.py`.

All components read the same settings, from three places. What stands in an earlier one is stronger:

1. **The environment**: `TODO_WEB_PORT=8090`. A variable that is empty counts as unset.
2. **Secrets**: a file `/run/secrets/todo_web_port`, or `…/TODO_WEB_PORT`, with the value in it. Docker puts
   them there. A line break at its end does not count. A secret that is empty, that the program may not
   read, or that is a folder is an error, unless the environment has the setting.
3. **A TOML file**, `todo.toml`: `web_port = 8090`; a setting of one handler stands in its section, such as
   `batch = 100` below `[save_handler]`.

A value that will not do ends the program with one line that names the setting, the place where it stands
and what is allowed, and with exit status 2. Names that are nearly those of settings are pointed out, too.

A user's password need not stand in an address: where `TODO_DATABASE_URL` is `postgresql://todo@db/todo`,
`TODO_DATABASE_PASSWORD`, or the secret `todo_database_password`, completes it, with any characters in it.
"""

SECTIONS: tuple[tuple[str, str, type[msgspec.Struct]], ...] = (
    ("All components", "", Settings),
    ("How a component is", "", MonitoringSettings),
    ("save-handler", "save_handler", SaveHandlerSettings),
    ("mutating-handler", "mutating_handler", MutatingHandlerSettings),
    ("The calendar", "calendar", CalendarSettings),
    ("webhook-handler", "webhook_handler", WebhookHandlerSettings),
)


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for title, section, kind in SECTIONS:
        rows = "\n".join(_row(variable, field) for variable, field in _fields(section, kind))
        parts.append(
            f"## {title}\n\n| variable | default | allowed | meaning |\n|---|---|---|---|\n{rows}\n"
        )
    others = "\n".join(f"| `{name}` | {text} |" for name, text in OTHERS.items())
    parts.append(f"## Where else settings are\n\n| variable | meaning |\n|---|---|\n{others}\n")
    return "\n".join(parts)


def _fields(
    section: str, kind: type[msgspec.Struct]
) -> Iterator[tuple[str, msgspec.structs.FieldInfo]]:
    """Those of one section, each once."""
    elsewhere = {name for name, _ in setting_fields(MonitoringSettings)} if kind is Settings else ()
    for field in msgspec.structs.fields(kind):
        if not is_section(field.type) and (field.name,) not in elsewhere:
            path = (section, field.name) if section else (field.name,)
            yield PREFIX + "__".join(path).upper(), field


def _row(variable: str, field: msgspec.structs.FieldInfo) -> str:
    means = [one for one in get_args(field.type) if isinstance(one, Means)]
    allowed = meta_of(field.type).description
    if not means or not allowed:
        raise SystemExit(f"{variable}: what it means and what is allowed must stand beside it")
    cells = (f"`{variable}`", _shown(field.default), allowed, means[0])
    return f"| {' | '.join(one.replace('|', chr(92) + '|') for one in cells)} |"


def _shown(default: Any) -> str:
    if default is None or default == ():
        return "unset"
    if isinstance(default, tuple | bool):
        return f"`{msgspec.json.encode(default).decode()}`"
    return f"`{default}`"


def main() -> None:
    text = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text)
    elif not PAGE.is_file() or PAGE.read_text() != text:
        sys.exit(f"{PAGE.name} is stale; write it anew: .venv/bin/python scripts/settings-page.py")


if __name__ == "__main__":
    main()
