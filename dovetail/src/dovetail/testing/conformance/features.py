"""What a transport declares that it can do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Features:
    """Everything that the suite tests and that some technology may not give.

    A test of what is not declared is skipped as unsupported. It never passes.
    """

    #: Other processes can use the queue, and it stays when all connections are closed.
    processes: bool = True
    #: It has a server, which can be killed and started again on its store.
    server: bool = True
    #: A second message with the same id is recognised.
    deduplicates: bool = True
    #: The room on the store can be limited with `limit_bytes`.
    limits_store: bool = True
    #: It tells how many bytes its store takes.
    counts_bytes: bool = True
    #: A request knows at once that nobody is there to answer it.
    knows_nobody_listens: bool = True
    #: An ack counts though others may have the message by now; else they may handle it a few times more.
    takes_late_acks: bool = True
    #: Bytes of the largest message that the queue under test takes.
    largest_body: int = 4 * 1024 * 1024
