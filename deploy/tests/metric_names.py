"""The metrics that there are, and those that an expression asks for."""

from __future__ import annotations

import re

HISTOGRAMS = {"dovetail_handler_seconds", "http_request_duration_seconds"}
#: What every component tells of itself at /metrics.
EXPORTED = {
    "dovetail_messages_handled_total",
    "dovetail_messages_failed_total",
    "dovetail_messages_retried_total",
    "dovetail_messages_dead_total",
    "dovetail_messages_published_total",
    "dovetail_messages_in_flight",
    "dovetail_group_joined",
    "dovetail_queue_connected",
    "dovetail_group_waiting",
    "dovetail_group_in_hand",
    "dovetail_group_dead_letters",
    "dovetail_group_oldest_seconds",
    "dovetail_store_messages",
    "dovetail_store_bytes",
    "dovetail_store_limit_bytes",
    "dovetail_dead_letters",
    "dovetail_status_seconds",
    "todo_tasks_created_total",
    "todo_tasks_refused_total",
    "todo_tasks_unavailable_total",
    "todo_live_pages",
    "http_requests_total",
    "http_requests_in_progress",
    "process_cpu_seconds_total",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
} | {f"{name}_{part}" for name in HISTOGRAMS for part in ("bucket", "count", "sum")}
#: What Prometheus makes itself.
OF_PROMETHEUS = {"up", "ALERTS"}

_KEYWORDS = {"and", "or", "unless", "offset", "bool", "group_left", "group_right"}
_NO_METRICS = (
    r'"[^"]*"',  # values of labels
    r"\{[^}]*\}",
    r"\[[^\]]*\]",  # spans of time
    r"\b(by|on|without|ignoring)\s*\([^)]*\)",  # labels
    r"\b[a-z_0-9]+(?=\s*\()",  # functions
)


def asked_for(expression: str) -> set[str]:
    """The metrics that a PromQL expression names."""
    for pattern in _NO_METRICS:
        expression = re.sub(pattern, " ", expression)
    return set(re.findall(r"(?<![\w.:])[a-zA-Z_:][\w:]*", expression)) - _KEYWORDS
