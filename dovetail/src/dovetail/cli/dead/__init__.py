"""`dovetail dead`: dead letters."""

from __future__ import annotations

import click

from dovetail.cli.dead import changing, looking


@click.group("dead", no_args_is_help=True)
def command() -> None:
    """Dead letters: messages that a group gave up, kept with the reason for you to decide.

    \b
    dovetail dead list nats://localhost:4222 --group save-handler
    dovetail dead show nats://localhost:4222 17
    dovetail dead replay nats://localhost:4222 17
    """


for one in (looking.list_letters, looking.show_letter, changing.replay, changing.drop):
    command.add_command(one)
