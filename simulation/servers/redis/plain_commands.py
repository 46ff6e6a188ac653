"""Commands on strings, hashes, sets and sorted sets. Each takes the database and its words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simulation.servers.redis.keyspace import (
    Hash,
    Keyspace,
    Set,
    SortedSet,
    String,
    now_ms,
)
from simulation.servers.redis.replies import OK, RedisError, not_simulated
from simulation.servers.redis.stream import Stream

Command = Callable[..., Any]


# Keys and strings


def get(db: Keyspace, key: bytes) -> bytes | None:
    value = db.get(key, String)
    return None if value is None else bytes(value)


def put(db: Keyspace, key: bytes, value: bytes, *options: bytes) -> bytes:
    db.put(key, String(value))
    if options and options[0].upper() == b"EX":
        db.end_at(key, now_ms() + int(options[1]) * 1000)
    elif options:
        raise not_simulated(f"SET with {options[0]!r}")
    return OK


def incrby(db: Keyspace, key: bytes, amount: bytes) -> int:
    value = db.make(key, String)
    number = int(value or b"0") + int(amount)
    value[:] = b"%d" % number
    return number


def delete(db: Keyspace, *keys: bytes) -> int:
    return sum(db.kind_of(key) is not None and db.delete(key) for key in keys)


def exists(db: Keyspace, *keys: bytes) -> int:
    return sum(db.kind_of(key) is not None for key in keys)


def rename(db: Keyspace, old: bytes, new: bytes) -> bytes:
    kind: type[Any] | None = db.kind_of(old)
    if kind is None:
        raise RedisError("ERR no such key")
    value: Any = db.get(old, kind)
    end = db.end_of(old)
    db.delete(old)
    db.put(new, value)
    if end is not None:
        db.end_at(new, end)
    return OK


def pexpire(db: Keyspace, key: bytes, milliseconds: bytes) -> int:
    if db.kind_of(key) is None:
        return 0
    db.end_at(key, now_ms() + int(milliseconds))
    return 1


def expire(db: Keyspace, key: bytes, seconds: bytes) -> int:
    return pexpire(db, key, b"%d" % (int(seconds) * 1000))


def ttl(db: Keyspace, key: bytes) -> int:
    if db.kind_of(key) is None:
        return -2
    end = db.end_of(key)
    return -1 if end is None else max(0, end - now_ms()) // 1000


def memory(db: Keyspace, what: bytes, key: bytes) -> int | None:
    """About as much as the bytes in it."""
    if what.upper() != b"USAGE":
        raise not_simulated(f"MEMORY {what.decode()}")
    kind: type[Any] | None = db.kind_of(key)
    if kind is None:
        return None
    value: Any = db.get(key, kind)
    if isinstance(value, Stream):
        return 500 + sum(30 + len(one) for entry in value.entries.values() for one in entry)
    return 100 + (len(value) if isinstance(value, String) else sum(map(len, value)))


# Hashes


def hget(db: Keyspace, key: bytes, name: bytes) -> bytes | None:
    return (db.get(key, Hash) or Hash()).get(name)


def hset(db: Keyspace, key: bytes, *words: bytes) -> int:
    value, before = db.make(key, Hash), len(db.make(key, Hash))
    value.update(zip(words[::2], words[1::2], strict=True))
    return len(value) - before


def hdel(db: Keyspace, key: bytes, *names: bytes) -> int:
    value = db.change(key, Hash)
    if value is None:
        return 0
    removed = sum(value.pop(name, None) is not None for name in names)
    db.prune(key)
    return removed


def hincrby(db: Keyspace, key: bytes, name: bytes, amount: bytes) -> int:
    value = db.make(key, Hash)
    number = int(value.get(name, b"0")) + int(amount)
    value[name] = b"%d" % number
    return number


def hgetall(db: Keyspace, key: bytes) -> dict[bytes, bytes]:
    return dict(db.get(key, Hash) or {})


def hkeys(db: Keyspace, key: bytes) -> list[bytes]:
    return list(db.get(key, Hash) or ())


def hvals(db: Keyspace, key: bytes) -> list[bytes]:
    return list((db.get(key, Hash) or {}).values())


def hexists(db: Keyspace, key: bytes, name: bytes) -> int:
    return int(name in (db.get(key, Hash) or ()))


# Sets


def sadd(db: Keyspace, key: bytes, *members: bytes) -> int:
    value, before = db.make(key, Set), len(db.make(key, Set))
    value.update(dict.fromkeys(members))
    return len(value) - before


def srem(db: Keyspace, key: bytes, *members: bytes) -> int:
    value = db.change(key, Set)
    if value is None:
        return 0
    before = len(value)
    for member in members:
        value.pop(member, None)
    removed = before - len(value)
    db.prune(key)
    return removed


def smembers(db: Keyspace, key: bytes) -> list[bytes]:
    return list(db.get(key, Set) or ())


def sismember(db: Keyspace, key: bytes, member: bytes) -> int:
    return int(member in (db.get(key, Set) or ()))


# Sorted sets


def zadd(db: Keyspace, key: bytes, *words: bytes) -> int:
    value, before = db.make(key, SortedSet), len(db.make(key, SortedSet))
    for score, member in zip(words[::2], words[1::2], strict=True):
        value[member] = float(score)
    return len(value) - before


def zrem(db: Keyspace, key: bytes, *members: bytes) -> int:
    value = db.change(key, SortedSet)
    if value is None:
        return 0
    removed = sum(value.pop(member, None) is not None for member in members)
    db.prune(key)
    return removed


def zscore(db: Keyspace, key: bytes, member: bytes) -> bytes | None:
    score = (db.get(key, SortedSet) or SortedSet()).get(member)
    return None if score is None else _score(score)


def zcard(db: Keyspace, key: bytes) -> int:
    return len(db.get(key, SortedSet) or ())


def zrange(db: Keyspace, key: bytes, start: bytes, end: bytes, *options: bytes) -> list[bytes]:
    """As scripts get it: scores after their members."""
    value, words = db.get(key, SortedSet), [one.upper() for one in options]
    found = value.ordered() if value else []
    if b"BYSCORE" in words:
        found = [one for one in found if float(start) <= one[1] <= float(end)]
        if b"LIMIT" in words:
            offset, count = map(int, words[words.index(b"LIMIT") + 1 :][:2])
            found = found[offset:][:count]
    else:
        first, last = int(start), int(end)
        found = found[first : None if last == -1 else last + 1]
    scores = b"WITHSCORES" in words
    return [word for one in found for word in ((one[0], _score(one[1])) if scores else one[:1])]


def zremrangebyscore(db: Keyspace, key: bytes, start: bytes, end: bytes) -> int:
    value = db.change(key, SortedSet)
    gone = [m for m, score in (value or {}).items() if float(start) <= score <= float(end)]
    return zrem(db, key, *gone)


def _score(score: float) -> bytes:
    return b"%.17g" % score


COMMANDS: dict[bytes, Command] = {
    b"GET": get,
    b"SET": put,
    b"INCRBY": incrby,
    b"DEL": delete,
    b"UNLINK": delete,
    b"EXISTS": exists,
    b"RENAME": rename,
    b"EXPIRE": expire,
    b"PEXPIRE": pexpire,
    b"TTL": ttl,
    b"MEMORY": memory,
    b"HGET": hget,
    b"HSET": hset,
    b"HDEL": hdel,
    b"HINCRBY": hincrby,
    b"HGETALL": hgetall,
    b"HKEYS": hkeys,
    b"HVALS": hvals,
    b"HEXISTS": hexists,
    b"SADD": sadd,
    b"SREM": srem,
    b"SMEMBERS": smembers,
    b"SISMEMBER": sismember,
    b"ZADD": zadd,
    b"ZREM": zrem,
    b"ZSCORE": zscore,
    b"ZCARD": zcard,
    b"ZRANGE": zrange,
    b"ZREMRANGEBYSCORE": zremrangebyscore,
}
