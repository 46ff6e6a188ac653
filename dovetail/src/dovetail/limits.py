"""Bounds and times that hold on every queue, with their units and reasons.

What users may need to change is an option: `GroupArguments`, `ConnectArguments`, `Backoff`. What only one
technology asks for stands in its folder, `transports/<technology>/limits.py`: its heartbeats, or for how
long it remembers the ids of published messages.
"""

from __future__ import annotations

# A message that fails

#: Deliveries of one message that may end without ack or failure, because worker or queue was killed,
#: before the message itself is suspected,
UNSETTLED_DELIVERIES = 20
#: and how long they must have taken together: each takes a lease's time.
UNSETTLED_SECONDS = 300.0
#: Bytes as JSON that are kept of a traceback, whose end says most; headers of NATS have 64 KiB at most.
TRACEBACK_BYTES = 16_000
#: Characters kept of what an error says, of which the beginning says most.
REASON_LENGTH = 4000
#: Characters kept of a message's id beside it.
ID_LENGTH = 1000

# What a member has in flight

#: Bytes above which nothing more is asked for.
IN_FLIGHT_BYTES = 16 * 1024 * 1024
#: Messages at first. A larger window is earned, so that one member does not sit on what others could
#: handle: it doubles when all of it was handled within WINDOW_SECONDS.
FIRST_WINDOW, WINDOW_SECONDS = 4, 0.5

# A worker that starts

#: Until a worker that the queue did not answer tries again to join: each try takes seconds by itself.
JOIN_AGAIN_SECONDS = 0.5

# What a worker's loop has fetched

#: So many messages are fetched at once as take about this long to handle, and at most so many.
TURN_SECONDS = 0.05
LARGEST_BATCH = 256
#: What is handled but not acked yet waits no longer than this for what is handled next.
SETTLE_SECONDS = 0.01
#: A message that waited longer for its handler than this should rather have gone to another member.
SLOW_SECONDS = 1.0
#: Calls of one plain function that nobody waits for any more: with so many nothing is called until one ends.
MOST_ABANDONED = 20

# A group whose dependency is down

#: The first pause, and the longest.
FIRST_GROUP_PAUSE_SECONDS, LONGEST_GROUP_PAUSE_SECONDS = 0.1, 5.0
#: A pause that goes on is told of again after this time.
SAY_AGAIN_SECONDS = 30.0

# The end of a worker

#: What a worker has to finish what it holds, unless it is told otherwise.
DRAIN_SECONDS = 10.0
#: Of these, half at most is kept for giving messages back, and then for letting the queue see the last acks.
RELEASE_SECONDS = 1.0
CLOSE_SECONDS = 1.0
#: What may be taken to find out how much waits, for a line in the log.
BACKLOG_SECONDS = 2.0
#: What a step that was begun may take after whoever waited for it was cancelled.
FINISH_SECONDS = 10.0

# Connections

#: Between two tries to connect: at first, and at most.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.02, 2.0
#: A host name that cannot be resolved for so long is a mistake rather than a machine yet to start.
UNKNOWN_HOST_SECONDS = 10.0
#: Until a line says again that we still wait; each further one takes twice as long, up to a limit.
REPORT_SECONDS, LONGEST_REPORT_SECONDS = 5.0, 300.0
#: Bytes that are written at once: the server works on what it has while we still write the rest.
FLUSH_BYTES = 16_384

# Live events and requests

#: Messages that a listener may be behind before it loses the oldest.
MOST_BEHIND = 10_000
#: Requests that one handler answers at once; more wait their turn.
ANSWERS_AT_ONCE = 256

# The store

#: How often a worker trims the history; and where the store is full, no more often than this.
TRIM_SECONDS, FULL_SECONDS = 60.0, 1.0
#: Above this share of the store's limit, what every group has handled goes whatever its age.
CROWDED = 0.8
#: A store with less room than this, in bytes, takes hardly any message.
LEAST_ROOM_BYTES = 1024
#: For so long the size of what was refused counts: later the next message may be a smaller one.
REFUSAL_SECONDS = 60.0
#: Dead letters, and about how many bytes of them, that are read in one go. The first go is to be seen soon.
PAGE, PAGE_BYTES, FIRST_PAGE = 200, 4 * 1024 * 1024, 20
#: Dead letters that `list` gives at most, unless it is told otherwise.
LISTED = 1000

# What may be given

#: Characters of a subject, and of a group's name. They stand in one name, for which queues have about 240.
LONGEST_SUBJECT, LONGEST_NAME = 200, 100
#: Bytes of a message's id.
LONGEST_ID = 255
#: Bytes of a source: servers are told it when we connect, and NATS closes what says more than 4096 there.
LONGEST_SOURCE = 1000
#: AMQP can ask for no more messages at once than this. A batch may be half of it.
MOST_PREFETCH = 65_535
MOST_BATCH = MOST_PREFETCH // 2
#: So many calls at once are a mistake.
MOST_CONCURRENCY = 10_000
#: A queue that was made for more copies than a cluster can have is of no use to anyone else.
MOST_REPLICAS = 7
#: A century: some queues have no larger numbers than some times have.
MOST_SECONDS = 100 * 365 * 86_400.0
#: As many messages as a queue can be asked for at once.
MOST_LISTED = 2**31 - 1
