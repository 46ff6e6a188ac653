"""All bounds and times of this transport. Those without a unit in their name are numbers of things."""

from __future__ import annotations

from dovetail.errors import MessageTooLarge

# Connections

CONNECT_SECONDS = 3.0
#: A connection that does not answer a ping for so long is lost, though nobody said so.
PING_SECONDS = 5.0
#: What a sentinel may take to name the master while we are connected; meanwhile a loss is not noticed.
SENTINEL_SECONDS = 0.5
#: What a command may take unless it has a deadline of its own; it outlasts a restart of the server.
COMMAND_SECONDS = 5.0
#: Until a command is sent again that the server does not carry out just now.
REPEAT_SECONDS = 0.05
#: Until a member's background work is tried again.
RETRY_SECONDS = 0.1
#: What the server, and TLS, may take to let go of the connection.
GOODBYE_SECONDS = 1.0

# What is stored. How long ids of published messages are remembered stands in scripts/publish.lua.

#: Redis would take 512 MB, but ends the connection of a listener for whom more than 8 MB wait for a minute
#: (client-output-buffer-limit pubsub).
MESSAGE_BYTES = 8 * 1024 * 1024
#: What goes into one call of a script, so that the server is not held up for long.
PUBLISHED_AT_ONCE, PUBLISHED_BYTES_AT_ONCE = 256, 1024 * 1024
SETTLED_AT_ONCE = 500
ACKED_AT_ONCE = 1000
MOVED_AT_ONCE = 200
LETTERS_AT_ONCE = 500
TRIMMED_SUBJECTS_AT_ONCE = 50

# Members

#: One read waits for so long on the server; less than a ping may take, which waits behind it.
READ_SECONDS = 2.0
#: How often a read that waits is told to end, where the command crossed it.
UNBLOCK_SECONDS = 0.02
#: Any member looks for what is due so often, also for what others have delayed.
DUE_SECONDS = 1.0
#: A member that said nothing for so long does not run: it says so whenever it looks for what is due.
SILENT_MILLISECONDS = 10_000
#: A member that said nothing for so long is forgotten.
GONE_MILLISECONDS = 3_600_000
#: Whoever answers requests says so that often, in case the server has forgotten.
SERVING_SECONDS = 2.0


def check_size(size: int, id: str | None = None) -> None:
    """Raise MessageTooLarge for a body of so many bytes."""
    if size > MESSAGE_BYTES:
        raise MessageTooLarge(size, MESSAGE_BYTES, id=id)
