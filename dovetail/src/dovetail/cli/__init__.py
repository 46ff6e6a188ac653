"""The `dovetail` command. A command is imported when it runs, rich when it draws a table."""

from dovetail.cli.app import main

__all__ = ["main"]
