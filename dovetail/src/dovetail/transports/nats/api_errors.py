"""The error codes of JetStream that we act on; server/errors.json of nats-server has them all."""

from __future__ import annotations

from dovetail.errors import QueueError

STREAM_NOT_FOUND = 10059
STREAM_NAME_IN_USE = 10058
SUBJECTS_OVERLAP = 10065
#: It is in another stream than the message was to be in.
OTHER_STREAM = 10060
#: A stream's folder cannot be made: that of one just deleted is still being removed, or the disk is no good.
NO_FOLDER = 10049
CONSUMER_NOT_FOUND = 10014
MESSAGE_NOT_FOUND = 10037
#: Said of a message that was to be deleted. The second is said of other things, too, and in a cluster.
SEQUENCE_NOT_FOUND, DELETE_FAILED = 10043, 10057
NOT_UNIQUE_ON_WORK_QUEUE = (10099, 10100)
#: Full: what the refusal of a message means, and which setting is the limit.
NO_ROOM = {
    10077: "the stream's max_bytes or max_msgs; limit_bytes where we made it",
    10023: "max_file_store of the server, or its disk",
    10047: "max_file_store of the server, or its disk",
    10028: "max_memory_store of the server",
    10002: "the account's limit on storage",
}
#: A message is over the stream's max_msg_size.
OVER_SIZE = 10054
#: For the server, or for the account.
SWITCHED_OFF = (10076, 10039)
#: Asking again helps: no leader yet, offline, too much at once, or (10158) a copy of the message that we sent
#: before, when another server led, is being stored at this moment.
NOT_READY = (10008, 10009, 10118, 10119, 10158, 10167)
#: What to do about a refusal to have a group's consumer; the code is one for many refusals.
_NO_CONSUMER_STORE = "error creating store for consumer"
_REMEDY = (
    "how far this group has come is damaged on the server's disk, or cannot be written there. Make room; or "
    "end the server, remove {}, and start it again: the group is handed again what is kept, under the same "
    "ids"
)
#: Copies cannot be kept: by a server alone, or while too few servers of a cluster are up.
NOT_CLUSTERED = 10074
NO_PEERS = 10005


class ApiError(QueueError):
    """JetStream refused; `code` is its error code.

    `again` says that it was asked before, and may have done it then: that answer was lost.
    """

    def __init__(self, code: int, description: str, *, again: bool = False) -> None:
        super().__init__(description)
        self.code = code
        self.again = again

    @property
    def is_not_found(self) -> bool:
        """Whether there is no such stream or consumer."""
        return self.code in (STREAM_NOT_FOUND, CONSUMER_NOT_FOUND)

    @property
    def nothing_to_delete(self) -> bool:
        """Whether it says that what was to be deleted is gone already."""
        if self.code == DELETE_FAILED:
            return any(
                words in str(self) for words in ("not found", "no message", "deleted message")
            )
        return self.code in (SEQUENCE_NOT_FOUND, MESSAGE_NOT_FOUND, STREAM_NOT_FOUND)


def with_remedy(description: str, request: str) -> str:
    """What the server said to a request, and what to do about it where that is known."""
    about, _, of = request.partition(".CREATE.")
    if about != "CONSUMER" or _NO_CONSUMER_STORE not in description:
        return description
    stream, _, consumer = of.partition(".")
    return f"{description}: {_REMEDY.format(file_of_progress(stream, consumer))}"


def file_of_progress(stream: str, consumer: str) -> str:
    """The file of a server that says how far a consumer has come, in words."""
    folder = f"jetstream/<account>/streams/{stream}/obs/{consumer}/"
    return f"o.dat from {folder} in its store_dir ($G is the account unless you have others)"
