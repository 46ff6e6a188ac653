"""The limits of what one client may use. They stand together here."""

from __future__ import annotations

import os
import resource
import sys

#: Bytes of a request without its body: its first line, its headers, and what frames the chunks of its body.
MAX_HEAD = 64 * 1024
#: Bytes of a request's body to the API: an item with the longest notes and all its tags, each character of
#: which a program may have written in twelve bytes, as JSON's escapes.
MAX_BODY = 192 * 1024
#: Bytes of a form: the longest notes take nine for a Chinese character, and twelve for an emoji.
MAX_FORM = 256 * 1024
#: Fields of a form.
MAX_FORM_FIELDS = 20
#: Digits of a Content-Length: as many as the largest file that there can be has.
MAX_LENGTH_DIGITS = 19
#: Seconds for a request to come in whole, from its first byte on, and for the first byte of a new connection.
REQUEST_SECONDS = 30.0
#: Seconds without another request after which a connection that had an answer ends.
KEEP_ALIVE_SECONDS = 5.0
#: Seconds that a client may leave unread what was sent to it.
UNREAD_SECONDS = 30.0
#: Seconds after a refusal in which what the client still sends is read and thrown away. Closing at once
#: would reset the connection, and take the answer from the client.
LINGER_SECONDS = 2.0
#: Between two looks at who is late.
LOOK_SECONDS = 1.0
#: Seconds after which a connection without a request gives way where there are too many.
IDLE_SECONDS = 1.0

#: Descriptors that are kept for queue, database, files and refusals, at most; else a third of all.
_RESERVE = 256


class ConnectionLimit:
    """How many connections a process can have, by its limit of file descriptors."""

    def __init__(self) -> None:
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        if limit == resource.RLIM_INFINITY:
            limit = 1_048_576
        reserve = min(_RESERVE, limit // 3)
        #: Connections that are served at most.
        self.most = max(1, limit - reserve - _open_now())
        #: Connections that are listened to after a refusal, at the same time.
        self.refused_most = reserve // 4
        #: Connections that the system accepts before this process learns of the first.
        self.backlog = max(1, reserve // 2)


def _open_now() -> int:
    """Descriptors that are open already."""
    folder = "/proc/self/fd" if sys.platform == "linux" else "/dev/fd"
    try:
        return len(os.listdir(folder))
    except OSError:
        return 32
