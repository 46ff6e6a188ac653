"""What the JetStream API refuses, in the words of a real server."""

from __future__ import annotations

from typing import Any

#: The error code of what this server does not know, and a real one may.
NOT_SIMULATED = 19_999


class ApiError(Exception):
    """An answer of the API that is an error."""

    def __init__(self, code: int, err_code: int, description: str) -> None:
        super().__init__(description)
        self.fields: dict[str, Any] = {
            "code": code,
            "err_code": err_code,
            "description": description,
        }


def not_simulated(what: str) -> ApiError:
    """This server does not have it: nothing is done, and whoever asks is told."""
    return ApiError(501, NOT_SIMULATED, f"not simulated: {what}")


def bad_request() -> ApiError:
    return ApiError(400, 10003, "bad request")


def stream_not_found() -> ApiError:
    return ApiError(404, 10059, "stream not found")


def stream_name_in_use() -> ApiError:
    return ApiError(400, 10058, "stream name already in use with a different configuration")


def stream_name_differs() -> ApiError:
    return ApiError(400, 10056, "stream name in subject does not match request")


def subjects_overlap() -> ApiError:
    return ApiError(400, 10065, "subjects overlap with an existing stream")


def invalid_stream(why: str) -> ApiError:
    return ApiError(500, 10052, why)


def no_replicas() -> ApiError:
    return ApiError(500, 10074, "replicas > 1 not supported in non-clustered mode")


def message_not_found() -> ApiError:
    return ApiError(404, 10037, "no message found")


def not_deleted(why: str) -> ApiError:
    return ApiError(500, 10057, why)


def sequence_not_found(sequence: int) -> ApiError:
    return ApiError(400, 10043, f"sequence {sequence} not found")


def consumer_not_found() -> ApiError:
    return ApiError(404, 10014, "consumer not found")


def consumer_does_not_exist() -> ApiError:
    return ApiError(400, 10149, "consumer does not exist")


def consumer_exists() -> ApiError:
    return ApiError(400, 10148, "consumer already exists")


def not_updated(what: str) -> ApiError:
    return ApiError(500, 10012, f"{what} can not be updated")


def filters_overlap() -> ApiError:
    return ApiError(400, 10138, "consumer subject filters cannot overlap")


def several_unfiltered() -> ApiError:
    return ApiError(400, 10099, "multiple non-filtered consumers not allowed on workqueue stream")


def filter_not_unique() -> ApiError:
    return ApiError(400, 10100, "filtered consumer not unique on workqueue stream")


def must_deliver_all() -> ApiError:
    return ApiError(400, 10101, "consumer must be deliver all on workqueue stream")


def must_ack() -> ApiError:
    return ApiError(
        400, 10084, "consumer in pull mode requires explicit ack policy on workqueue stream"
    )


# Answers to what is published


def other_stream() -> ApiError:
    return ApiError(400, 10060, "expected stream does not match")


def no_room(what: str) -> ApiError:
    return ApiError(503, 10077, f"maximum {what} exceeded")


def over_size() -> ApiError:
    return ApiError(400, 10054, "message size exceeds maximum allowed")
