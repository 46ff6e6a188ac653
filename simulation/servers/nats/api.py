"""What clients say to JetStream itself: requests on `$JS.API`, and what became of a message on `$JS.ACK`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from simulation.servers.nats import consumer_requests, errors, reading, stream_requests
from simulation.servers.nats.headers import status
from simulation.servers.nats.jetstream import JetStream
from simulation.servers.nats.parser import Violation
from simulation.servers.nats.roles import Sender

Answer = dict[str, Any]
#: Takes JetStream, the words of the subject after those of the request, and what was sent with it.
Request = Callable[[JetStream, list[str], dict[str, Any]], Answer]

#: By the first words of the subject: the type of the answer, and who gives it.
REQUESTS: dict[str, tuple[str, Request]] = {
    "INFO": ("account_info", stream_requests.account),
    "STREAM.CREATE": ("stream_create", stream_requests.create),
    "STREAM.UPDATE": ("stream_update", stream_requests.update),
    "STREAM.INFO": ("stream_info", stream_requests.info),
    "STREAM.NAMES": ("stream_names", stream_requests.names),
    "STREAM.LIST": ("stream_list", stream_requests.listed),
    "STREAM.PURGE": ("stream_purge", stream_requests.purge),
    "STREAM.DELETE": ("stream_delete", stream_requests.delete),
    "STREAM.MSG.GET": ("stream_msg_get", reading.get),
    "STREAM.MSG.DELETE": ("stream_msg_delete", stream_requests.delete_message),
    "CONSUMER.CREATE": ("consumer_create", consumer_requests.create),
    "CONSUMER.INFO": ("consumer_info", consumer_requests.info),
    "CONSUMER.NAMES": ("consumer_names", consumer_requests.names),
    "CONSUMER.LIST": ("consumer_list", consumer_requests.listed),
    "CONSUMER.DELETE": ("consumer_delete", consumer_requests.delete),
}
API, ACK = "$JS.API.", "$JS.ACK."
#: Requests that are not answered once.
_PULL, _READ_MANY = "CONSUMER.MSG.NEXT.", "DIRECT.GET."
#: What a pull request may say.
_PULL_FIELDS = {"batch", "expires", "idle_heartbeat", "max_bytes"}


class Api:
    """Answers requests; what it does not know is answered with an error, too."""

    def __init__(self, server: Sender, jetstream: JetStream) -> None:
        self._server = server
        self._jetstream = jetstream

    def asked(self, subject: str, reply: str, payload: bytes) -> bool:
        """A request; gives whether there is what it is about."""
        subject = subject.removeprefix(API)
        if subject.startswith(_PULL):
            return self._pull(subject.removeprefix(_PULL), reply, payload)
        if subject.startswith(_READ_MANY):
            return self._read_many(subject.removeprefix(_READ_MANY), reply, payload)
        kind, answer = "error", {"error": errors.not_simulated(subject).fields}
        words = subject.split(".")
        for length in (3, 2, 1):
            if (known := REQUESTS.get(".".join(words[:length]))) is not None:
                kind, answer = known[0], self._answer(known[1], words[length:], payload)
                break
        name = f"io.nats.jetstream.api.v1.{kind}_response"
        self._server.answer_json(reply, {"type": name, **answer})
        return True

    def settled(self, subject: str, reply: str, verdict: bytes) -> bool:
        """`$JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>.<delivery>.<time>.<pending>`.

        Gives whether there is such a consumer.
        """
        words = subject.split(".")
        consumer = self._jetstream.consumer(*words[2:4]) if len(words) == 9 else None
        if consumer is None:
            return False
        sequence, delivery = int(words[5]), int(words[6])
        if verdict in (b"", b"+ACK", b"+OK") or verdict.startswith(b"+TERM"):
            consumer.ack(sequence)
        elif verdict == b"+WPI":
            consumer.renew(sequence)
        elif verdict.startswith(b"-NAK"):
            options = json.loads(verdict.removeprefix(b"-NAK").strip() or b"{}")
            consumer.nak(sequence, delivery, options.get("delay"))
        else:
            raise Violation(f"not simulated: {verdict[:20]!r} as an ack")
        self._server.answer(reply, b"")
        return True

    def _answer(self, request: Request, words: list[str], payload: bytes) -> Answer:
        try:
            wanted = json.loads(payload) if payload else {}
            return request(self._jetstream, words, wanted)
        except errors.ApiError as error:
            return {"error": error.fields}

    def _pull(self, consumer: str, reply: str, payload: bytes) -> bool:
        stream, _, name = consumer.partition(".")
        found = self._jetstream.consumer(stream, name)
        if found is None:
            return False
        request = json.loads(payload) if payload.startswith(b"{") else {}
        if not request.get("expires") or not _PULL_FIELDS.issuperset(request):
            what = f"Bad Request - not simulated: {payload[:100]!r}"
            self._server.answer(reply, b"", status(400, what))
        elif reply:
            found.pull(request, reply)
        return True

    def _read_many(self, stream: str, reply: str, payload: bytes) -> bool:
        """With a message for each that is read, and one at the end."""
        found = self._jetstream.streams.get(stream)
        if found is None or not found.config["allow_direct"]:
            return False
        for headers, body in reading.many(found, json.loads(payload)):
            self._server.answer(reply, body, headers)
        return True
