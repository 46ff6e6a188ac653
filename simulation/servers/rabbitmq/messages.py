"""A message, with its properties as its publisher has written them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

from pamqp import decode, encode

#: Sizes of the properties, from the highest bit of the flags down: of a short string, a table, or in bytes.
_SHORT, _TABLE = 0, -1
_SIZES = (_SHORT, _SHORT, _TABLE, 1, 1, _SHORT, _SHORT, _SHORT, _SHORT, 8) + 4 * (_SHORT,)
HEADERS, DELIVERY_MODE, REPLY_TO, EXPIRATION = 2, 3, 6, 7
_PERSISTENT = b"\x02"
#: Routing keys beside the message's own; nobody sees the second.
_KEYS = ("CC", "BCC")


@dataclass(frozen=True, slots=True)
class Message:
    """As it was published. `properties` are the flags and what follows them."""

    exchange: str
    key: str
    properties: bytes
    body: bytes

    def value_of(self, number: int) -> bytes | None:
        """One of the properties, by its place among them; None where it is not there."""
        begin, end = self._place(number)
        return None if begin == end else self.properties[begin:end]

    def _place(self, number: int) -> tuple[int, int]:
        """Where a property begins and ends, or would begin."""
        raw, at = self.properties, 2
        flags = int.from_bytes(raw[:2], "big")
        for index, size in enumerate(_SIZES):
            there, begin = flags & 0x8000 >> index, at
            if there and size == _SHORT:
                at += 1 + raw[at]
            elif there and size == _TABLE:
                at += 4 + int.from_bytes(raw[at : at + 4], "big")
            elif there:
                at += size
            if index == number:
                return begin, at
        raise ValueError(number)

    def _with(self, number: int, value: bytes) -> Self:
        begin, end = self._place(number)
        raw = self.properties
        flags = (int.from_bytes(raw[:2], "big") | 0x8000 >> number).to_bytes(2, "big")
        return replace(self, properties=flags + raw[2:begin] + value + raw[end:])

    @property
    def persistent(self) -> bool:
        """Whether a queue that is kept keeps it."""
        return self.value_of(DELIVERY_MODE) == _PERSISTENT

    @property
    def reply_to(self) -> str:
        """Where answers go; empty for nowhere."""
        name = self.value_of(REPLY_TO)
        return name[1:].decode() if name else ""

    def answered_at(self, name: str) -> Self:
        """The same, with another place for answers."""
        return self._with(REPLY_TO, encode.short_string(name))

    def moved(self, exchange: str, key: str) -> Self:
        """The same, as if it had been published there."""
        return replace(self, exchange=exchange, key=key)

    # Headers

    def with_number(self, name: str, value: int) -> Self:
        """The same, with a header of the server's."""
        entry = encode.short_string(name) + b"l" + value.to_bytes(8, "big")
        return self._with_entries(entry)

    def with_headers(self, headers: dict[str, Any]) -> Self:
        """The same, with headers of the server's."""
        return self._with_entries(encode.field_table(headers)[4:])

    def _with_entries(self, entries: bytes) -> Self:
        table = (self.value_of(HEADERS) or b"\0\0\0\0")[4:] + entries
        return self._with(HEADERS, len(table).to_bytes(4, "big") + table)

    def keys(self) -> list[str]:
        """All its routing keys."""
        table = self.value_of(HEADERS)
        if table is None or b"CC" not in table:
            return [self.key]
        headers = decode.field_table(table)[1]
        lists = [headers.get(name) for name in _KEYS]
        return [self.key, *(str(key) for one in lists if isinstance(one, list) for key in one)]

    def without_hidden_keys(self) -> Self:
        """As those see it who get it."""
        table = self.value_of(HEADERS)
        if table is None or b"BCC" not in table:
            return self
        headers = {**decode.field_table(table)[1]}
        headers.pop("BCC", None)
        return self._with(HEADERS, encode.field_table(headers))
