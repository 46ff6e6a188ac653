"""Whether JSON's null can stand anywhere in data of a type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import inspect

_Info = inspect.Type | inspect.Field
#: What takes null, and what may: nobody knows what is in it.
_NULL = (inspect.NoneType, inspect.AnyType, inspect.RawType, inspect.CustomType)


def takes_null(data_type: Any) -> bool:
    """False only where a null in the JSON text is refused by who decodes it as this type."""
    found = [inspect.type_info(data_type)]
    known = set(map(id, found))
    for info in found:
        if isinstance(info, _NULL):
            return True
        new = [one for one in _inside(info) if id(one) not in known]
        known.update(map(id, new))
        found += new  # type: ignore[arg-type]
    return False


def _inside(info: msgspec.Struct) -> Iterator[_Info]:
    for name in info.__struct_fields__:
        value = getattr(info, name)
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, _Info):
                yield one
