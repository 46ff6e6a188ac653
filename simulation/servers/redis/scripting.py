"""Lua scripts, as Redis runs them: the same Lua, and of Redis's own functions those that ours call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha1
from typing import Any

import msgspec
from lupa import lua51

from simulation.servers.redis.replies import RedisError, flat

#: Runs one command and gives its reply.
Run = Callable[[Sequence[bytes]], Any]

#: What stands before each script. `dispatch` is ours.
_PRELUDE = b"""
local dispatch, decode_json, pack, unpack_one = ...
redis = {}
function redis.call(...)
  local done, reply = dispatch(...)
  if not done then error({err = reply}) end
  return reply
end
function redis.pcall(...)
  local done, reply = dispatch(...)
  if not done then return {err = reply} end
  return reply
end
cjson = {}
function cjson.decode(text)
  local done, value = decode_json(text)
  if not done then error(value) end
  return value
end
cmsgpack = {pack = pack, unpack = unpack_one}
local compiled = {}
return function(sha, text)
  local script = compiled[sha]
  if not script then
    local why
    script, why = loadstring(text, '@user_script')
    if not script then return false, why end
    compiled[sha] = script
  end
  local done, reply = pcall(script)
  return done, reply ~= nil and reply -- always two
end
"""


class Scripts:
    """Lua with the commands of one server."""

    def __init__(self) -> None:
        self._lua = lua51.LuaRuntime(
            encoding=None,
            unpack_returned_tuples=True,
            register_eval=False,
            register_builtins=False,
        )
        self._run: Run | None = None
        prelude = self._lua.compile(_PRELUDE)
        self._call = prelude(self._dispatch, self._decoded, self._packed, self._unpacked)
        self._globals = self._lua.globals()
        #: The texts that the server knows, by their hash: lost when it ends.
        self.known: dict[bytes, bytes] = {}

    def learn(self, text: bytes) -> bytes:
        """Gives the hash."""
        sha = sha1(text, usedforsecurity=False).hexdigest().encode()
        self.known[sha] = text
        return sha

    def run(self, sha: bytes, keys: Sequence[bytes], words: Sequence[bytes], run: Run) -> Any:
        """What the script gives; RedisError for what it raises."""
        if sha not in self.known:
            raise RedisError("NOSCRIPT No matching script. Please use EVAL.")
        text = self.known[sha]
        if text.startswith(b"#!"):  # the line stays, so that numbers of lines are right
            text = text[text.index(b"\n") :]
        self._globals[b"KEYS"] = self._lua.table(*keys)
        self._globals[b"ARGV"] = self._lua.table(*words)
        self._run = run
        try:
            done, value = self._call(sha, text)
        finally:
            self._run = None
        if not done:
            error = value[b"err"] if lua51.lua_type(value) == "table" else b"ERR " + value
            raise RedisError(_text(error))
        return self._reply(value)

    # What scripts call

    def _dispatch(self, *words: Any) -> tuple[bool, Any]:
        assert self._run is not None
        try:
            return True, self._lua_value(flat(self._run([_word(one) for one in words])))
        except RedisError as error:
            return False, str(error).encode()

    def _decoded(self, text: bytes) -> tuple[bool, Any]:
        try:
            return True, self._lua_value(msgspec.json.decode(text))
        except msgspec.DecodeError as error:
            return False, str(error).encode()

    def _packed(self, table: Any) -> bytes:
        return msgspec.msgpack.encode(self._reply(table, numbers=True))

    def _unpacked(self, packed: bytes) -> Any:
        return self._lua_value(msgspec.msgpack.decode(packed))

    # Values

    def _lua_value(self, value: Any) -> Any:
        """As Redis gives it to Lua: no value is false, a list is a table."""
        if value is None:
            return False
        if isinstance(value, list):
            return self._lua.table(*map(self._lua_value, value))
        if isinstance(value, dict):
            pairs = {key.encode(): self._lua_value(one) for key, one in value.items()}
            return self._lua.table_from(pairs)
        return value.encode() if isinstance(value, str) else value

    def _reply(self, value: Any, *, numbers: bool = False) -> Any:
        """As Redis gives it to clients; `numbers` stay as they are."""
        if value is None or value is False:
            return None
        if value is True:
            return 1
        if isinstance(value, float) and not numbers:
            return int(value)
        if lua51.lua_type(value) != "table":
            return value
        for name in (b"err", b"ok"):
            if value[name] is not None:
                raise RedisError(_text(value[name]))
        found, index = [], 1
        while (one := value[index]) is not None:
            found.append(self._reply(one, numbers=numbers))
            index += 1
        return found


def _word(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return b"%d" % value if value == int(value) else b"%.17g" % value
    raise RedisError("ERR Lua redis lib command arguments must be strings or integers")


def _text(error: Any) -> str:
    return bytes(error).decode(errors="replace")
