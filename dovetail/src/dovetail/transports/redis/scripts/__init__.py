"""What the server does in one step: Lua scripts, known to it by the hash of their text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from hashlib import sha1
from importlib.resources import files

#: Written to whatever state the server's memory is in: settling makes room, and must not fail for want of it.
_ALWAYS = "#!lua flags=allow-oom\n"
_WHILE_THERE_IS_ROOM = "#!lua\n"
#: Those that are to fail then.
_PUBLISH = ("publish", "ping")


@dataclass(frozen=True)
class Script:
    """The text that the server is given, and what it calls it."""

    text: str
    sha: str


@cache
def script(name: str) -> Script:
    """The script in `<name>.lua`, after what it shares with the others."""
    publishes = name in _PUBLISH
    shared = ["topology.lua"] if publishes else ["topology.lua", "entries.lua"]
    folder = files(__name__)
    text = (_WHILE_THERE_IS_ROOM if publishes else _ALWAYS) + "\n".join(
        folder.joinpath(part).read_text() for part in (*shared, f"{name}.lua")
    )
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())
