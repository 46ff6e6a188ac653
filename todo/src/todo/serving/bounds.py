"""What one client may use up of an HTTP server. The limits stand together here."""

from __future__ import annotations

import os
import resource
import sys

#: Bytes of a request without its body: its first line, its headers, and what frames the chunks of its body.
MAX_HEAD = 64 * 1024
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


class Room:
    """How many connections a process can have, by the descriptors that the system lets it open."""

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
