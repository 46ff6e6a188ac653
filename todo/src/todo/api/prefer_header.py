"""The header `Prefer: wait=10` (RFC 7240)."""

from __future__ import annotations

import re

from todo.api.headers import Headers

#: How long anyone can wait, in seconds; whoever asks for more gets this.
MOST_WAIT = 30
PREFER = b"prefer"

_WAIT = re.compile(r'wait[ \t]*=[ \t]*"?([0-9]{1,9})"?[ \t]*(;.*)?', re.IGNORECASE)


def wait_of(headers: Headers) -> tuple[int, dict[str, str]]:
    """Seconds that the client would wait for the database, 0 for none; and what to answer of that.

    What cannot be understood is no wish.
    """
    for name, value in headers:
        if name == PREFER:
            for preference in value.decode("latin-1").split(","):
                if found := _WAIT.fullmatch(preference.strip(" \t")):
                    seconds = min(int(found[1]), MOST_WAIT)
                    return seconds, {"Preference-Applied": f"wait={seconds}"}
    return 0, {}
