"""Traces with OpenTelemetry. Imported only where TODO_TRACES_ENDPOINT is set."""
