"""Commands on streams and their groups. Each takes the database and its words, after its name."""

from __future__ import annotations

from typing import Any

from simulation.servers.redis.keyspace import Keyspace, now_ms
from simulation.servers.redis.plain_commands import Command
from simulation.servers.redis.replies import OK, RedisError, not_simulated
from simulation.servers.redis.stream import (
    FIRST,
    LAST,
    Group,
    Id,
    Stream,
    bound_of,
    id_of,
    id_text,
)


def xadd(db: Keyspace, key: bytes, id: bytes, *fields: bytes) -> bytes:
    if not fields or len(fields) % 2 or id.upper() in (b"NOMKSTREAM", b"MAXLEN", b"MINID"):
        raise not_simulated("XADD with options")
    stream = db.make(key, Stream)
    return id_text(stream.add(None if id == b"*" else id_of(id), list(fields), now_ms()))


def xdel(db: Keyspace, key: bytes, *ids: bytes) -> int:
    stream = db.change(key, Stream)
    return sum(stream.delete(id_of(one)) for one in ids) if stream else 0


def xlen(db: Keyspace, key: bytes) -> int:
    stream = db.get(key, Stream)
    return len(stream.ids) if stream else 0


def xrange(db: Keyspace, key: bytes, start: bytes, end: bytes, *options: bytes) -> list[Any]:
    return _range(db, key, start, end, options)


def xrevrange(db: Keyspace, key: bytes, end: bytes, start: bytes, *options: bytes) -> list[Any]:
    return _range(db, key, start, end, options, newest_first=True)


def _range(
    db: Keyspace,
    key: bytes,
    start: bytes,
    end: bytes,
    options: tuple[bytes, ...],
    *,
    newest_first: bool = False,
) -> list[Any]:
    stream = db.get(key, Stream)
    if stream is None:
        return []
    count = int(options[1]) if options and options[0].upper() == b"COUNT" else None
    low, high = bound_of(start, end=False), bound_of(end, end=True)
    ids = stream.between(low, high, None if newest_first else count)
    return entries(stream, ids[::-1][:count] if newest_first else ids)


def entries(stream: Stream, ids: list[Id]) -> list[Any]:
    """As clients get them."""
    return [[id_text(one), stream.entries[one]] for one in ids]


def xtrim(db: Keyspace, key: bytes, how: bytes, least: bytes) -> int:
    if how.upper() != b"MINID":
        raise not_simulated(f"XTRIM {how.decode()}")
    stream = db.change(key, Stream)
    if stream is None:
        return 0
    low = id_of(least)
    gone = [one for one in stream.between(FIRST, low) if one < low]
    return sum(map(stream.delete, gone))


# Groups


def xgroup(db: Keyspace, what: bytes, key: bytes, group: bytes, *words: bytes) -> Any:
    stream = db.change(key, Stream)
    match what.upper():
        case b"CREATE":
            return _create(db, key, group, *words)
        case b"DESTROY":
            return int(stream is not None and stream.groups.pop(group, None) is not None)
        case b"SETID":
            found = group_of(stream, key, group)
            found.last = stream.last if stream and words[0] == b"$" else id_of(words[0])
            return OK
        case b"DELCONSUMER":
            found = group_of(stream, key, group)
            theirs = [entry for entry, one in found.pending.items() if one.consumer == words[0]]
            for entry in theirs:
                del found.pending[entry]
            found.consumers.pop(words[0], None)
            return len(theirs)
    raise not_simulated(f"XGROUP {what.decode()}")


def _create(db: Keyspace, key: bytes, group: bytes, start: bytes, *options: bytes) -> bytes:
    if db.kind_of(key) is None and b"MKSTREAM" not in [one.upper() for one in options]:
        raise RedisError("ERR The XGROUP subcommand requires the key to exist.")
    stream = db.make(key, Stream)
    if group in stream.groups:
        raise RedisError("BUSYGROUP Consumer Group name already exists")
    stream.groups[group] = Group(stream.last if start == b"$" else id_of(start))
    return OK


def group_of(stream: Stream | None, key: bytes, group: bytes) -> Group:
    """RedisError where there is none."""
    if stream is None or group not in stream.groups:
        raise RedisError(
            f"NOGROUP No such key '{key.decode(errors='replace')}' or consumer group "
            f"'{group.decode(errors='replace')}'"
        )
    return stream.groups[group]


def xreadgroup(db: Keyspace, *words: bytes) -> dict[bytes, Any] | None:
    """What is new for this consumer; None where that is nothing. Whoever calls it waits."""
    _, group, consumer, *options = words
    upper = [one.upper() for one in options]
    at = upper.index(b"STREAMS")
    count = int(options[upper.index(b"COUNT") + 1]) if b"COUNT" in upper[:at] else None
    keys = options[at + 1 :][: (len(options) - at - 1) // 2]
    if set(options[at + 1 + len(keys) :]) != {b">"}:
        raise not_simulated("XREADGROUP of what was delivered before")
    for key in keys:
        group_of(db.get(key, Stream), key, group)
    found = {}
    for key in keys:
        seen = db.get(key, Stream)
        assert seen is not None
        if not seen.after(seen.groups[group].last) and consumer in seen.groups[group].consumers:
            continue
        stream = db.change(key, Stream)
        assert stream is not None
        if ids := stream.read(stream.groups[group], consumer, count, now_ms()):
            found[key] = entries(stream, ids)
    return found or None


def xack(db: Keyspace, key: bytes, group: bytes, *ids: bytes) -> int:
    stream = db.change(key, Stream)
    if stream is None or group not in stream.groups:
        return 0
    pending = stream.groups[group].pending
    return sum(pending.pop(id_of(one), None) is not None for one in ids)


def xpending(db: Keyspace, key: bytes, group: bytes, *words: bytes) -> list[Any]:
    pending = group_of(db.get(key, Stream), key, group).pending
    if not words:
        return _summary(pending)
    silent, rest = 0, list(words)
    if rest[0].upper() == b"IDLE":
        silent, rest = int(rest[1]), rest[2:]
    start, end, most, *consumer = rest
    low, high, now = bound_of(start, end=False), bound_of(end, end=True), now_ms()
    ids = [low] if low == high and low in pending else ([] if low == high else list(pending))
    found: list[Any] = []
    for entry in ids:
        if len(found) == int(most):
            break
        one = pending[entry]
        mine = not consumer or consumer[0] == one.consumer
        if low <= entry <= high and mine and now - one.at >= silent:
            found.append([id_text(entry), one.consumer, now - one.at, one.deliveries])
    return found


def _summary(pending: dict[Id, Any]) -> list[Any]:
    if not pending:
        return [0, None, None, None]
    counts: dict[bytes, int] = {}
    for one in pending.values():
        counts[one.consumer] = counts.get(one.consumer, 0) + 1
    consumers = [[name, b"%d" % count] for name, count in sorted(counts.items())]
    return [len(pending), id_text(min(pending)), id_text(max(pending)), consumers]


def xclaim(
    db: Keyspace, key: bytes, group: bytes, consumer: bytes, idle: bytes, *ids: bytes
) -> list[bytes]:
    *wanted, last = ids
    if last.upper() != b"JUSTID":
        raise not_simulated("XCLAIM without JUSTID")
    stream = db.change(key, Stream)
    found = group_of(stream, key, group)
    assert stream is not None
    claimed, now = [], now_ms()
    found.consumers[consumer] = now
    for text in wanted:
        entry = id_of(text)
        one = found.pending.get(entry)
        if one is None or now - one.at < int(idle):
            continue
        if entry not in stream.entries:  # it was deleted: nobody has it any more
            del found.pending[entry]
            continue
        one.consumer, one.at = consumer, now
        claimed.append(text)
    return claimed


def xinfo(db: Keyspace, what: bytes, key: bytes, *words: bytes) -> Any:
    stream = db.get(key, Stream)
    if stream is None:
        raise RedisError("ERR no such key")
    match what.upper():
        case b"STREAM":
            return {b"length": len(stream.ids), b"entries-added": stream.added}
        case b"GROUPS":
            return [_group_info(stream, name, one) for name, one in stream.groups.items()]
        case b"CONSUMERS":
            return _consumers_info(group_of(stream, key, words[0]))
    raise not_simulated(f"XINFO {what.decode()}")


def _group_info(stream: Stream, name: bytes, group: Group) -> dict[bytes, Any]:
    lag = len(stream.between(group.last, LAST)) - (group.last in stream.entries)
    return {
        b"name": name,
        b"consumers": len(group.consumers),
        b"pending": len(group.pending),
        b"last-delivered-id": id_text(group.last),
        b"entries-read": stream.added - lag,
        b"lag": lag,
    }


def _consumers_info(group: Group) -> list[dict[bytes, Any]]:
    now = now_ms()
    return [
        {
            b"name": name,
            b"pending": sum(one.consumer == name for one in group.pending.values()),
            b"idle": now - seen,
        }
        for name, seen in group.consumers.items()
    ]


COMMANDS: dict[bytes, Command] = {
    b"XADD": xadd,
    b"XDEL": xdel,
    b"XLEN": xlen,
    b"XRANGE": xrange,
    b"XREVRANGE": xrevrange,
    b"XTRIM": xtrim,
    b"XGROUP": xgroup,
    b"XREADGROUP": xreadgroup,
    b"XACK": xack,
    b"XPENDING": xpending,
    b"XCLAIM": xclaim,
    b"XINFO": xinfo,
}
