"""How `todo scale` talks to a running `todo up`: over a Unix socket, one JSON object for each line."""
