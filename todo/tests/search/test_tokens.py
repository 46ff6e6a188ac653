"""The words of a text, and of what somebody looks for."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from todo.search.tokens import MAX_TERMS, MAX_WORD, Term, terms_of, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("!?… \t", []),
        ("Buy MILK", ["buy", "milk"]),
        ("foo-bar_baz/qux's", ["foo", "bar", "baz", "qux", "s"]),
        ("Bücher, naïve café", ["bucher", "naive", "cafe"]),
        ("Straße", ["strasse"]),
        ("ΣΊΣΥΦΟΣ", ["σισυφοσ"]),
        ("Ёлка и чай", ["елка", "и", "чаи"]),
        ("\uff21\uff22\uff23\u3000\uff11\uff12\uff13", ["abc", "123"]),
        ("v1.2 3,5", ["v1", "2", "3", "5"]),
        ("买牛奶 today", ["买", "牛", "奶", "today"]),
        ("が行く", ["が", "行", "く"]),
        ("한국어 공부", ["한국어", "공부"]),
        ("हिन्दी शब्द", ["हिन्दी", "शब्द"]),
        ("party 🎉🎂!", ["party", "🎉", "🎂"]),
        ("ﬁnd ™", ["find", "tm"]),
        ("x" * 300, ["x" * MAX_WORD]),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@given(st.text(max_size=40))
@settings(max_examples=50, deadline=None)
def test_words_have_nothing_that_a_query_language_could_take_for_its_own(text: str) -> None:
    for word in words_of(text):
        assert word
        assert not set(word) & set(" \t\n\"'\\&|!<>():*+-^~{},;.\0")
        assert words_of(word) == [word]


def test_terms() -> None:
    assert terms_of("Milk #Home foo-bar !!! milk 牛奶") == [
        Term(("milk",)),
        Term(("home",), tag=True),
        Term(("foo", "bar")),
        Term(("牛", "奶")),
    ]
    assert terms_of(" #  ! ") == []
    assert len(terms_of(" ".join(f"w{number}" for number in range(100)))) == MAX_TERMS
