"""The words of a text, the same for whoever writes an index and whoever searches it, on every database.

Databases differ in what a word is, and none finds words in Chinese. So texts are split here, and an index
gets words of letters and digits only.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

#: Characters of a word that count; a longer one is found by how it begins.
MAX_WORD = 64
#: Characters of a text that count: those of the longest notes.
MAX_TEXT = 10_000
#: Words that are looked for at most, the rest of a query is left out.
MAX_TERMS = 20

#: Each character is a word: scripts without spaces between words (Thai, Lao, Myanmar, Khmer, Chinese,
#: Japanese), and emoji.
_SINGLE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2600-\u27bf\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U0001f000-\U0001faff\U00020000-\U0003ffff"
)
#: Accents of Latin, Greek and Cyrillic letters.
_ACCENTS = re.compile("[\u0300-\u036f]")
#: Vowel signs and the like, which are parts of words and yet no letters.
_MARKS = "".join(
    chr(code) for code in range(0x0370, 0x10000) if unicodedata.category(chr(code))[0] == "M"
)
_WORDS = re.compile(rf"[{_SINGLE}]|(?:[^\W_{_SINGLE}]|[{_MARKS}])+")


@dataclass(frozen=True)
class Term:
    """Words that stand one after another; the last one may go on."""

    words: tuple[str, ...]
    #: It is about a tag.
    tag: bool = False


def words_of(text: str) -> list[str]:
    """The words, in order, without regard to case, accents and width."""
    plain = unicodedata.normalize("NFKD", text[:MAX_TEXT]).casefold()
    plain = unicodedata.normalize("NFC", _ACCENTS.sub("", plain))
    return [word[:MAX_WORD] for word in _WORDS.findall(plain)]


def terms_of(query: str) -> list[Term]:
    """What somebody looks for: every one of these. Empty where there is no word in the query."""
    terms = [Term(tuple(words_of(part)), part.startswith("#")) for part in query.split()]
    return list(dict.fromkeys(term for term in terms if term.words))[:MAX_TERMS]
