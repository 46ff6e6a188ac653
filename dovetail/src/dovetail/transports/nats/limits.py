"""Bounds and times of this transport, with their units and reasons."""

from __future__ import annotations

# What the server sends

#: The longest line is INFO, with the addresses of all servers of a cluster.
MAX_LINE_BYTES = 131_072
#: The server's own limit is 64 MiB at most; what JetStream reads back is a third larger, being in base64.
MAX_MESSAGE_BYTES = 128 * 1024 * 1024

# What it takes

#: Where the server's limit on the size of a message is set.
SIZE_SETTING = "max_payload of nats-server"
#: Kept free below that limit: a dead letter has its reason beside the message.
HEADROOM_BYTES = 65_536
#: Characters of a dead letter's reason, where all of it, the traceback and the headers have no room,
SHORT_REASON = 1000
#: and bytes of what is said there of a body that was cut.
CUT_NOTE_BYTES = 200
#: Characters of a consumer's name.
LONGEST_CONSUMER_NAME = 255

# The connection

CONNECT_SECONDS = 3.0
#: A connection that does not answer a ping for so long is lost, though nobody said so.
PING_SECONDS = 5.0
#: What the server may take to see what was written before a connection or a subscription ends,
FLUSH_SECONDS = 3.0
#: and what it, and TLS, may take to let go of the connection.
GOODBYE_SECONDS = 1.0
#: What the server may take to see a subscription; it outlasts a restart.
SUBSCRIBE_SECONDS = 5.0

# Asking JetStream

#: What one API call may take; it outlasts a restart of the server.
API_SECONDS = 5.0
#: What a cluster needs to elect a leader in the place of one that was killed, on top of that: nobody answers
#: before. A server waits 4 to 9 seconds for its leader until it stands for election itself.
ELECTION_SECONDS = 15.0
#: Until a request that the server could not serve yet is sent again.
RETRY_SECONDS = 0.1
#: In a cluster the server that was to answer may be gone without anybody to say so: after the first we ask
#: again. A list has all it can have after 4 seconds, where servers that have a part of it are down.
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 5.0
#: For a batch of messages at first: nobody says that its answer was lost with the connection.
BATCH_SECONDS = (0.5, 1.0, 2.0)
#: How late it may be noticed that nobody replies in time.
SWEEP_SECONDS = 0.1
#: What the members of groups may take to say that they run.
MEMBERS_SECONDS = 0.5

# Streams

#: Others may change a stream's settings at once, and the later change wins: then ours is made again.
UPDATE_TRIES = 10
#: While the folder of a stream that was deleted is still being removed.
CREATE_TRIES = 20
#: For so long a publisher tries whether a stream is there that it may not look at.
ASSUMED_SECONDS = 2.0
#: Seconds in which a second message with the same id is recognised. JetStream's own default.
DUPLICATE_WINDOW = 120
#: How often it is noted again what is claimed: a note is kept for 30 days.
CLAIM_NOTE_SECONDS = 86_400.0
#: What that may hold up a worker that starts, where the server is slow to store.
CLAIM_NOTED_SECONDS = 1.0
#: Notes that are written at once to use up the sequences of lost messages, and what that may take.
NOTES_AT_ONCE, NOTES_SECONDS = 10_000, 10.0
#: Until it is checked again whether a stream was rolled back, where that could not be seen or mended.
CHECK_AGAIN_SECONDS = 5.0

# Publishing

#: Until what could not be published is published again.
PUBLISH_AGAIN_SECONDS = 0.05
#: In a cluster the server that was to confirm may be gone without a word. Publishing again is harmless.
SILENCE_SECONDS = 2.0
#: Subjects of which it is remembered that a stream takes them.
REMEMBERED_SUBJECTS = 10_000
#: A publisher that tries again is heard again: so many ids are remembered, to hand over each message once.
RECENT_IDS = 10_000

# Taking and settling

#: Pull requests that are sent at once, where the consumer limits what each may ask for.
MOST_REQUESTS = 16
#: A pull request ends after so long; the server says so, and we ask again. Whole seconds.
PULL_SECONDS = 30
#: The server says that an idle pull request still stands. Whole seconds.
HEARTBEAT_SECONDS = 2
#: Two heartbeats were missed: the pull request is gone, though nobody said so.
PULL_SILENCE_SECONDS = 2.5 * HEARTBEAT_SECONDS
#: Until a consumer that is gone is made again, or one that is not ready is asked again.
RESTORE_SECONDS = 0.5
#: How often it is tried whether a full store has room again.
ROOM_SECONDS = 1.0
#: Messages that were acked late, and of which it is remembered that they may come again.
MOST_ACKED_LATE = 1000
