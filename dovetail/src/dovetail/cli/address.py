"""The queue's address: a command's first argument, or DOVETAIL_URL."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from dovetail.cli.progress import said_if_slow
from dovetail.network.server_address import without_secrets
from dovetail.opening import connect
from dovetail.queue import MessageQueue

VARIABLE = "DOVETAIL_URL"
#: What it is called in errors where it is the first argument.
ARGUMENT = "URL"

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


@dataclass(frozen=True)
class Address:
    """Where the queue is, and what the user calls the setting that says so."""

    url: str
    setting: str = ARGUMENT

    @asynccontextmanager
    async def connected(self, **options: Any) -> AsyncIterator[MessageQueue]:
        """The queue, open; says so on stderr when connecting or closing takes long."""
        queue = connect(self.url, setting=self.setting, source="dovetail-cli", **options)
        with said_if_slow(f"Connecting to {without_secrets(self.url)}…"):
            await queue.__aenter__()
        try:
            yield queue
        finally:
            with said_if_slow("Closing the connection… Ctrl-C ends at once."):
                await queue.__aexit__(None, None, None)

    async def check(self) -> None:
        """ConfigurationError where no queue can have this address."""
        connect(self.url, setting=self.setting)


class AddressCommand(click.Command):
    """A command whose first argument is the queue's address.

    It may be left out where DOVETAIL_URL is set. That is never ambiguous: every address has a colon,
    and no subject, group or id of a dead letter has one.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the address from the environment first, where the arguments do not begin with one."""
        given = self._positional(args)
        known = os.environ.get(VARIABLE)
        if not given or ":" not in given[0]:
            if known:
                ctx.meta[VARIABLE] = True
                args = [known, *args]
            elif given and not {"-h", "--help"}.intersection(args):
                ctx.fail(
                    f"{given[0]!r} is no address of a queue, such as nats://localhost:4222; "
                    f"give one first, or set {VARIABLE}"
                )
        return super().parse_args(ctx, args)

    def _positional(self, args: list[str]) -> list[str]:
        """What remains of the arguments without options and their values."""
        options = [parameter for parameter in self.params if isinstance(parameter, click.Option)]
        bare = click.Command(self.name, params=[*options])
        return bare.make_context(self.name, [*args], resilient_parsing=True).args


def _address(ctx: click.Context, _: click.Parameter, value: str) -> Address:
    return Address(value, VARIABLE if VARIABLE in ctx.meta else ARGUMENT)


def address_argument(function: Decorated) -> Decorated:
    """The argument URL, handed over as `address`."""
    return click.argument("address", metavar="URL", callback=_address)(function)
