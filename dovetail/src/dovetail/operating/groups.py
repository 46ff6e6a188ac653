"""What an operator does with groups: look, remove, rename."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dovetail.codec.subjects import check_name
from dovetail.errors import ConfigurationError
from dovetail.operating.renamed_groups import NamedGroups
from dovetail.status import GroupInfo
from dovetail.transport import Transport


async def remove(
    transport: Transport, name: str, subject: str | None = None, *, force: bool = False
) -> None:
    """As MessageQueue.remove_group."""
    named = NamedGroups(transport)
    rows = claims_of(name, await named.groups(), subject)
    if not force:
        check_nobody_runs(name, rows)
    place = (await named.names()).place(name)
    await transport.remove_group(place, sorted({one.status.subject for one in rows}))


async def rename(transport: Transport, old: str, new: str) -> None:
    """As MessageQueue.rename_group."""
    check_name(new, "group")
    rows = await NamedGroups(transport).groups()
    own = claims_of(old, rows)
    check_is_free(new, rows, instead_of=old)
    check_nobody_runs(old, own)
    await transport.rename_group(old, new)


def claims_of(
    name: str, rows: Iterable[GroupInfo], subject: str | None = None
) -> Sequence[GroupInfo]:
    """What the group has claimed, or that one subject; ConfigurationError where it has not."""
    own = [one for one in rows if one.status.group == name]
    if not own:
        raise ConfigurationError(
            f"there is no group {name!r}; `dovetail group list` shows which there are"
        )
    chosen = [one for one in own if subject in (None, one.status.subject)]
    if not chosen:
        has = ", ".join(sorted({one.status.subject for one in own}))
        raise ConfigurationError(f"the group {name!r} has not claimed {subject!r}, but {has}")
    return chosen


def check_nobody_runs(name: str, rows: Iterable[GroupInfo]) -> None:
    """ConfigurationError where members of the group run."""
    if running := max((one.running for one in rows), default=0):
        members = "member runs" if running == 1 else "members run"
        raise ConfigurationError(
            f"{running} {members} in the group {name!r}: stop them first, or they create the group again"
        )


def check_is_free(name: str, rows: Iterable[GroupInfo], instead_of: str) -> None:
    """ConfigurationError where a group of this name has a place of its own."""
    if name == instead_of:
        raise ConfigurationError(f"the group {name!r} is called that already: choose another name")
    if theirs := [one.status.subject for one in rows if one.status.group == name]:
        raise ConfigurationError(
            f"there is a group {name!r} already, with progress of its own on {', '.join(theirs)}: remove it "
            f"first (dovetail group remove {name}), or choose another name"
        )
