"""What texts may be, as regular expressions of ECMAScript; `todo.items` and its neighbours have the rules."""

from __future__ import annotations

from todo.fields import MAX_TAG_LENGTH
from todo.items import INVISIBLE, MAX_LENGTH

#: What Python's str.strip removes.
_SPACE = r"\u0009-\u000d\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_SOLID = rf"[^\u0000{_SPACE}]"
#: What is in a text; half of a surrogate pair never is.
_SEEN = "[^" + INVISIBLE.replace("\ud800-\udfff", "") + "]"
#: An item: trimmed it has 1 to MAX_LENGTH characters, NUL is none of them, and one of them can be seen.
ITEM = (
    rf"^(?=[\s\S]*{_SEEN})[{_SPACE}]*{_SOLID}([^\u0000]{{0,{MAX_LENGTH - 2}}}{_SOLID})?[{_SPACE}]*$"
)
_TAG_CHARACTER = rf"[^\u0000-\u0020\u007f-\u00a0,{_SPACE}]"
TAG = rf"^(?=[\s\S]*{_SEEN})(?!#){_TAG_CHARACTER}{{1,{MAX_TAG_LENGTH}}}$"
NOTES = r"^[^\u0000]*$"
POSITION = r"^([0-9a-z]*[1-9a-z])?$"
