"""Scenarios: commands of a few words, and beneath each, indented, what it is to print.

| command | what it does |
|---|---|
| `publish 1 2` | publishes events; a number has always the same id |
| `publish until refused` | large ones, until the store has no room |
| `member a`, `member a of sales` | joins a group, `g` unless it is named, with a lease of 1 s |
| `a takes 2` | waits until it has so many more |
| `a acks 1 2`, `a fails 1, again in 2 s`, `a gives up 1: why` | settles |
| `worker w`, `worker w, slow`, `worker w, killed before its ack` | runs a handler that returns an effect |
| `w has begun 1`, `w handles all` | waits for that |
| `kill a`, `stop w` | without a word; a drain |
| `database down`, `database up` | handlers raise NotReady meanwhile |
| `dead letters`, `replay 1`, `effects`, `left` | looks, and hands back |
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence

from dovetail.delivery import Delivery

from .stage import Stage, number_of

Command = Callable[[Stage, re.Match[str]], Awaitable[str]]
_COMMANDS: list[tuple[re.Pattern[str], Command]] = []


def command(pattern: str) -> Callable[[Command], Command]:
    """What does a line of this form; it gives what is printed."""

    def add(function: Command) -> Command:
        _COMMANDS.append((re.compile(pattern), function))
        return function

    return add


async def run(script: str, stage: Stage) -> str:
    """The script with what its commands print."""
    lines: list[str] = []
    for line in commands_of(script):
        lines.append(line)
        said = await _do(line, stage)
        lines += [f"    {one}" for one in said.splitlines()]
    return "\n".join(lines)


def commands_of(script: str) -> list[str]:
    """Its lines without what they are to print."""
    return [line for line in script.splitlines() if line and not line.startswith(" ")]


async def _do(line: str, stage: Stage) -> str:
    for pattern, function in _COMMANDS:
        if match := pattern.fullmatch(line):
            return await function(stage, match)
    raise AssertionError(f"not a command of scenarios: {line!r}")


def _numbers(text: str) -> list[int]:
    return [int(one) for one in text.split()]


def _listed(deliveries: Sequence[Delivery]) -> str:
    return " ".join(
        f"{number_of(one)}" + (f" (attempt {one.attempt})" if one.attempt > 1 else "")
        for one in deliveries
    )


@command(r"publish ([\d ]+)(?: again)?")
async def _publish(stage: Stage, match: re.Match[str]) -> str:
    await stage.publish(_numbers(match[1]))
    return ""


@command("publish until refused")
async def _publish_until_refused(stage: Stage, match: re.Match[str]) -> str:
    return f"the publisher gets {await stage.publish_until_refused()}"


@command(r"member (\w+)(?: of (\w+))?")
async def _member(stage: Stage, match: re.Match[str]) -> str:
    await stage.join(match[1], match[2] or "g")
    return ""


@command(r"(\w+) takes (\d+)")
async def _takes(stage: Stage, match: re.Match[str]) -> str:
    return f"{match[1]} has {_listed(await stage.take(match[1], int(match[2])))}"


@command(r"(\w+) takes all")
async def _takes_all(stage: Stage, match: re.Match[str]) -> str:
    taken = [number_of(one) for one in await stage.take(match[1], len(stage.accepted))]
    stage.ack(match[1], taken)
    same = "what was accepted, no more and no less"
    return f"{match[1]} has {same if taken == stage.accepted else taken}"


@command(r"(\w+) acks ([\d ]+)")
async def _acks(stage: Stage, match: re.Match[str]) -> str:
    stage.ack(match[1], _numbers(match[2]))
    return ""


@command(r"(\w+) fails (\d+), again in ([\d.]+) s")
async def _fails(stage: Stage, match: re.Match[str]) -> str:
    await stage.retry(match[1], int(match[2]), float(match[3]))
    return ""


@command(r"(\w+) gives up (\d+): (.+)")
async def _gives_up(stage: Stage, match: re.Match[str]) -> str:
    await stage.bury(match[1], int(match[2]), match[3])
    return ""


@command(r"kill (\w+)")
async def _kill(stage: Stage, match: re.Match[str]) -> str:
    await stage.kill(match[1])
    return ""


@command(r"worker (\w+)(, slow)?(, killed before its ack)?")
async def _worker(stage: Stage, match: re.Match[str]) -> str:
    await stage.work(match[1], slow=bool(match[2]), doomed=bool(match[3]))
    return ""


@command(r"(\w+) has begun (\d+)")
async def _begun(stage: Stage, match: re.Match[str]) -> str:
    calls = await stage.workers[match[1]].calls.has(1)
    assert calls[0][0] == int(match[2]), calls
    return ""


@command(r"(\w+) pauses")
async def _pauses(stage: Stage, match: re.Match[str]) -> str:
    await stage.workers[match[1]].calls.has(3)
    return ""


@command(r"stop (\w+)")
async def _stop(stage: Stage, match: re.Match[str]) -> str:
    await stage.stop(match[1])
    finished = sorted(stage.workers[match[1]].finished.items)
    return f"{match[1]} has finished {' '.join(map(str, finished))}"


@command(r"(\w+) handles all")
async def _handles_all(stage: Stage, match: re.Match[str]) -> str:
    await stage.all_handled()
    calls = dict(stage.workers[match[1]].calls.items)
    return f"{match[1]} has handled " + ", ".join(
        f"{number} at attempt {attempt}" for number, attempt in sorted(calls.items())
    )


@command(r"database (up|down)")
async def _database(stage: Stage, match: re.Match[str]) -> str:
    (stage.database.set if match[1] == "up" else stage.database.clear)()
    return ""


@command(r"an effect is there")
async def _an_effect(stage: Stage, match: re.Match[str]) -> str:
    await stage.has_effects(1)
    return ""


@command("effects")
async def _effects(stage: Stage, match: re.Match[str]) -> str:
    return "of " + " ".join(map(str, await stage.effects()))


@command("dead letters")
async def _dead_letters(stage: Stage, match: re.Match[str]) -> str:
    letters = await stage.queue.dead_letters.list()
    return "\n".join(f"{one.group}: {one.reason} (attempt {one.attempts})" for one in letters)


@command("replay all")
async def _replay(stage: Stage, match: re.Match[str]) -> str:
    await stage.queue.dead_letters.replay_all()
    return ""


@command("left")
async def _left(stage: Stage, match: re.Match[str]) -> str:
    await stage.all_handled()
    letters = sum((await stage.queue.dead_letters.count()).values())
    return f"nothing waits, nothing is in flight, dead letters: {letters}"
