"""Bounds and times of this transport, with their units and reasons."""

from __future__ import annotations

from dovetail.limits import PAGE_BYTES

# What the server sends

#: Bytes of the largest frame that we ask for; the server may want less.
FRAME_BYTES = 131_072
#: Bytes of a body. No RabbitMQ can be set to take a larger message.
BODY_BYTES = 512 * 1024 * 1024
#: Channels of a connection; RabbitMQ grants no more unless it is told to.
MOST_CHANNELS = 2047

# The connection

CONNECT_SECONDS = 5.0
#: What each step of declaring queues and consuming from them may take; then it is tried on a new connection.
PREPARE_SECONDS = 5.0
#: Of the server's, and of ours. Below five, says RabbitMQ, a busy server is often taken for a dead one.
#: TCP_USER_TIMEOUT would be two seconds sooner, but a server that is full does not read from who publishes:
#: those connections would end again and again, and with them what is known of its alarm.
HEARTBEAT_SECONDS = 5
#: After so many without a sign of life either side takes the connection for dead; until then nothing
#: published on it is confirmed. Our own come so late only where the event loop was blocked.
MISSED_HEARTBEATS = 2
#: Those that a lease can be had by: it ends MISSED_HEARTBEATS after the last sign of life.
LEASE_HEARTBEATS = range(1, 60)
#: What the server may take to confirm that a channel is closed, and then to say good-bye.
CLOSE_SECONDS, GOODBYE_SECONDS = 5.0, 2.0
#: What a question may take unless it has a deadline of its own; it outlasts a short cut of the connection.
COMMAND_SECONDS = 10.0
#: Until it is tried again where a connection was lost, or the server was busy.
RETRY_SECONDS = 0.05
#: The same for what has failed several times.
LONGEST_RETRY_SECONDS = 2.0
#: After so long without a message no lost connection has any: the server has noticed, as two heartbeats of
#: the longest lease are less. Who is counted as reading still was on a node that is down.
OTHERS_SECONDS = 150.0
#: Between two tries to get a lock of the server's.
LOCK_SECONDS = 0.02

#: A server that has started serves its streams within a second or two; where one is down for longer, clients
#: say what may be the matter.
STREAM_DOWN_SECONDS = 10.0

# Publishing

#: Bytes that RabbitMQ 4 takes unless its max_message_size says otherwise.
MESSAGE_BYTES = 16 * 1024 * 1024
#: Messages written before the next look at whether the other side keeps up.
PUBLISHED_AT_ONCE = 500
#: Before what a queue refused is published again; longer each time, since other queues may have taken it.
REFUSED_SECONDS, LONGEST_REFUSED_SECONDS = 0.1, 2.0
#: Publish methods that are remembered, by exchange and key: each is written many times.
REMEMBERED_PUBLISHES = 1000

# Taking and settling

#: So often a member looks for what waits too long for a handler.
OVERDUE_SECONDS = 1.0
#: What was requeued more often goes to the end of the queue instead, where its deliveries begin at 0: the
#: server counts them, and many are taken for workers that died.
MOST_REQUEUED = 10
#: Before a message comes again of which the server did not store what becomes of it: twice as long each time.
HELD_SECONDS, LONGEST_HELD_SECONDS = 0.2, 30.0
#: Acked messages that are remembered, so that they are not handled again where the ack was lost.
REMEMBERED_ACKS = 1000
#: In one queue all wait equally long, so that nobody waits behind another. What is to wait longer than one of
#: these waits in several, one after the other.
DELAYS_MILLISECONDS: tuple[int, ...] = tuple(50 * 2**power for power in range(17))
#: Nobody minds being so much too early.
TOLERANCE_SECONDS = 0.01

# Claims

#: What a claim may take: a new group may have much history to copy.
CLAIM_SECONDS = 600.0
#: Messages that are taken over together from a group that was removed.
TAKEN_AT_ONCE = 200
#: A stream of claims that sends nothing for so long may be empty: then something is written, to have an end
#: to read to.
SILENT_CLAIMS_SECONDS = 0.1

# Live messages and requests

#: What listening or answering may take to begin, on a server that is just being restarted.
ATTACH_SECONDS = 600.0
#: Listeners and answerers that begin again together on a new connection: each asks the server four times.
ATTACHED_AT_ONCE = 20
#: What a new connection waits for them; those that take longer begin while others use it.
ATTACHING_SECONDS = 2.5
#: What a member may take to answer. One that takes longer is left out.
ANSWER_SECONDS = 1.0

# Inspection

#: A status is given after so long, whatever is stored; what is not known then is estimated.
STATUS_SECONDS = 1.5
#: After that, to see when what lies about there was published.
NEAR_SECONDS = 0.3
#: Messages that are read together on the way back: more each time, but no more than are soon read.
FIRST_WINDOW, LARGEST_WINDOW = 1_000, 10_000
#: Messages of a member whose time is looked at for the oldest: they came in about that order.
OLDEST_AMONG = 1000

# Reading streams

#: Messages on their way at once: a few, until it is seen that they are small.
FEW_STREAMED, MANY_STREAMED = 8, 500
SMALL_BYTES = 16_384
#: Bytes that are held at once; what comes beyond is let go, and read again.
STREAMED_BYTES = 4 * 1024 * 1024
#: Who only looks takes a stream for empty that has sent nothing for so long.
EMPTY_SECONDS = 1.0
#: The same for one beside another that has sent something: at least so long, and so many times what it took.
SILENT_SECONDS, SILENT_TIMES = 0.2, 10

# Dead letters

#: Letters of a page: more than elsewhere, as each page is a consumer of its own.
PAGE = 1000
#: Until something comes, or nobody else reads any more.
PATIENCE_SECONDS = 60.0
#: What a busy server may take to requeue what was read; it does so after it has closed the channel.
REQUEUE_SECONDS = 5.0
#: The server looks for what is acked among all that the channel has: another one is opened after so many,
#: or after a part of all, so that there are enough channels.
UNACKED_ON_CHANNEL, READING_CHANNELS = 1000, 1000
#: Reading may take as long as it must. There are limits to its steps.
FOR_EVER_SECONDS = 30 * 86_400.0
#: After so long others may read, before letters are removed further; and how long they are let.
TURN_SECONDS, PAUSE_SECONDS = 2.0, 0.1
#: Replayed letters that are remembered: those of the last steps, as removing takes the server a moment.
REMEMBERED_REPLAYS, REMEMBERED_REPLAY_BYTES = 10 * PAGE, 10 * PAGE_BYTES
#: Bytes of what a letter says beside its body, where that goes into a header: below the largest frame.
HEADER_BYTES = 64_000
#: Characters that traceback and reason are shortened to for that, and the reason where that is not enough.
LONGEST_PART, LONGEST_REASON = 8_000, 1_000
