"""When a text says it is due, and its tags."""

# ruff: noqa: RUF001 - other languages' signs

from __future__ import annotations

import string
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from todo.due_phrases.vocabulary import vocabularies
from todo.fields import MAX_TAG_LENGTH, MAX_TAGS
from todo.quick_add import Parser

READER = Parser(vocabularies())
#: A Sunday, at noon.
NOW = datetime(2026, 11, 29, 12, 0, tzinfo=ZoneInfo("Europe/Berlin"))
MONTHS = [date(2026, month, 1).strftime("%B").lower() for month in range(1, 13)]
WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


@pytest.mark.parametrize(
    ("text", "rest", "due"),
    [
        ("Buy milk today", "Buy milk", "2026-11-29"),
        ("Buy milk tomorrow", "Buy milk", "2026-11-30"),
        ("TOMORROW buy milk", "buy milk", "2026-11-30"),
        ("Call the day after tomorrow", "Call", "2026-12-01"),
        ("Dentist fri", "Dentist", "2026-12-04"),
        ("Dentist on Friday", "Dentist", "2026-12-04"),
        ("Report by fri.", "Report", "2026-12-04"),
        ("mon standup", "standup", "2026-11-30"),
        ("Report next friday", "Report", "2026-12-04"),
        ("Report friday next week", "Report", "2026-12-04"),
        ("Rest this sunday", "Rest", "2026-11-29"),
        ("Rest sunday", "Rest", "2026-12-06"),
        ("mow lawn sun", "mow lawn", "2026-12-06"),
        ("mow lawn on sun", "mow lawn", "2026-12-06"),
        ("Pay rent 3 dec", "Pay rent", "2026-12-03"),
        ("Pay rent dec 3", "Pay rent", "2026-12-03"),
        ("Pay rent Dec 3rd, 2027", "Pay rent", "2027-12-03"),
        ("Pay rent on the 3rd of December", "Pay rent", "2026-12-03"),
        ("Pay rent on the 15th", "Pay rent", "2026-12-15"),
        ("fri, 4 dec: party", "party", "2026-12-04"),
        ("pay may 3", "pay", "2027-05-03"),
        ("thing 29 feb", "thing", "2028-02-29"),
        ("2026-12-03 tax", "tax", "2026-12-03"),
        ("25.12.2026 gifts", "gifts", "2026-12-25"),
        ("Report in 3 days", "Report", "2026-12-02"),
        ("Report in two weeks", "Report", "2026-12-13"),
        ("Report in a month", "Report", "2026-12-29"),
        ("Report next week", "Report", "2026-11-30"),
        ("Report next month", "Report", "2026-12-01"),
        ("Report by the end of the year", "Report", "2026-12-31"),
        ("Meeting (fri) room 5", "Meeting room 5", "2026-12-04"),
        ("Buy milk, tomorrow", "Buy milk", "2026-11-30"),
        ("明天买牛奶", "买牛奶", "2026-11-30"),
        ("后天体检", "体检", "2026-12-01"),
        ("周五前交报告", "交报告", "2026-12-04"),
        ("下周五交报告", "交报告", "2026-12-04"),
        ("12月3日 交房租", "交房租", "2026-12-03"),
        ("十二月三日交房租", "交房租", "2026-12-03"),
        ("2026年12月3号交税", "交税", "2026-12-03"),
        ("明年1月5日交税", "交税", "2027-01-05"),
        ("15号交房租", "交房租", "2026-12-15"),
        ("下个月3号体检", "体检", "2026-12-03"),
        ("3天后还书", "还书", "2026-12-02"),
        ("两周后还书", "还书", "2026-12-13"),
        ("月底交表", "交表", "2026-11-30"),
        ("下周写总结", "写总结", "2026-11-30"),
    ],
)
def test_a_day_is_read_and_taken_out_of_the_text(text: str, rest: str, due: str) -> None:
    read = READER.read(text, NOW)
    assert (read.text, read.due) == (rest, due)


@pytest.mark.parametrize(
    ("text", "rest", "due"),
    [
        ("yoga 18:30", "yoga", "2026-11-29T18:30"),
        ("breakfast 9:15", "breakfast", "2026-11-30T09:15"),
        ("call at 6pm", "call", "2026-11-29T18:00"),
        ("call at 8 p.m.", "call", "2026-11-29T20:00"),
        ("lunch at noon tomorrow", "lunch", "2026-11-30T12:00"),
        ("call mum tomorrow at 6:30pm", "call mum", "2026-11-30T18:30"),
        ("tomorrow call mum at 18:30", "call mum", "2026-11-30T18:30"),
        ("6pm tomorrow dentist", "dentist", "2026-11-30T18:00"),
        ("gym tomorrow morning", "gym", "2026-11-30T09:00"),
        ("gym friday evening at 7", "gym", "2026-12-04T19:00"),
        ("Concert tonight at 8", "Concert", "2026-11-29T20:00"),
        ("sun 10:00 church", "church", "2026-12-06T10:00"),
        ("call back in 2 hours", "call back", "2026-11-29T14:00"),
        ("call back in half an hour", "call back", "2026-11-29T12:30"),
        ("明天下午3点开会", "开会", "2026-11-30T15:00"),
        ("明天上午十点半 开会", "开会", "2026-11-30T10:30"),
        ("今晚8点看电影", "看电影", "2026-11-29T20:00"),
        ("晚上8点开会", "开会", "2026-11-29T20:00"),
        ("周五 18：30 聚餐", "聚餐", "2026-12-04T18:30"),
        ("半小时后打电话", "打电话", "2026-11-29T12:30"),
        ("明天 review 代码 18:30", "review 代码", "2026-11-30T18:30"),
    ],
)
def test_a_time_goes_with_its_day_or_is_the_next_one(text: str, rest: str, due: str) -> None:
    read = READER.read(text, NOW)
    assert (read.text, read.due) == (rest, f"{due}:00+01:00")


@pytest.mark.parametrize(
    "text",
    [
        "Buy 3 decks",
        "I am in 3 minds",
        "Ask May about it",
        "May 3 people come?",
        "Lose weight in march",
        "march 3 miles",
        "buy sun cream",
        "enjoy the sun",
        "sat on the fence",
        "call Jan 3 times",
        "read the 3rd chapter",
        "pay on the 3rd floor",
        "Read today's paper",
        "Friday’s meeting notes",  # as keyboards of phones write it
        "Black Friday shopping",
        "every friday water plants",
        "Work monday to friday",
        "mon-fri opening hours",
        "today or tomorrow go",
        "Meeting 9:00-10:30",
        "walk 12:30:15",
        "score 2:1",
        "1/2 cup sugar",
        "30 feb thing",
        "I am 6 years old",
        "release 3.12.1",
        "https://todo.test/today?at=18:30",
        "每周五浇花",
        "一周五次跑步",
        "明天的会议准备",
        "从周一到周五上班",
        "买一点水果",
        "买3号线票",
        "看今日头条",
        "看《明天会更好》",
    ],
)
def test_what_only_looks_like_a_date_stays(text: str) -> None:
    assert READER.read(text, NOW).text == text
    assert READER.read(text, NOW).due is None


@pytest.mark.parametrize("text", ["tomorrow", "#work", "fri 18:30 #work", "明天", " 3 dec "])
def test_a_text_that_says_nothing_else_stays_whole(text: str) -> None:
    assert READER.read(text, NOW) == READER.read(text.strip(), NOW)
    assert READER.read(text, NOW).text == text.strip()
    assert not READER.read(text, NOW).found


@pytest.mark.parametrize(
    ("text", "rest", "tags"),
    [
        ("Buy milk #shop #Home", "Buy milk", ("shop", "Home")),
        ("#shop buy milk", "buy milk", ("shop",)),
        ("Call #Work Anna #work", "Call Anna", ("Work",)),
        ("买牛奶#购物", "买牛奶", ("购物",)),
        ("买牛奶 #购物#", "买牛奶", ("购物",)),
        ("Buy milk (#shop), bread", "Buy milk, bread", ("shop",)),
        ("learn #c++ and #home/garden.", "learn and.", ("c++", "home/garden")),
        (r"write \#word and #tag", "write #word and", ("tag",)),
        ('post "#one" #two', 'post "#one"', ("two",)),
    ],
)
def test_tags_are_read_and_taken_out(text: str, rest: str, tags: tuple[str, ...]) -> None:
    read = READER.read(text, NOW)
    assert (read.text, read.tags) == (rest, tags)


@pytest.mark.parametrize("text", ["fix #12", "C# course", "see x.org/#top", "# heading", "a##b"])
def test_what_is_no_tag_stays(text: str) -> None:
    assert READER.read(text, NOW).text == text


def test_a_backslash_and_quotes_leave_words_alone() -> None:
    assert READER.read(r"buy \today magazine", NOW).text == "buy today magazine"
    assert READER.read(r"buy \today magazine tomorrow", NOW).due == "2026-11-30"
    assert READER.read(r"clean C:\temp\today", NOW).text == r"clean C:\temp\today"
    assert READER.read('watch "Tomorrow never dies"', NOW).due is None


def test_only_what_is_wanted_is_read() -> None:
    text = "Buy milk tomorrow #shop"
    assert READER.read(text, NOW, due=False).text == "Buy milk tomorrow"
    assert READER.read(text, NOW, tags=False).text == "Buy milk #shop"
    assert READER.read(text, NOW, due=False, tags=False).text == text


def test_no_more_tags_than_an_item_may_have() -> None:
    text = " ".join(["x", *(f"#tag{number}x" for number in range(MAX_TAGS + 5))])
    read = READER.read(text, NOW)
    assert len(read.tags) == MAX_TAGS
    assert read.text == " ".join(["x", *(f"#tag{MAX_TAGS + more}x" for more in range(5))])
    assert not READER.read(f"x #{'t' * (MAX_TAG_LENGTH + 1)}", NOW).tags


def test_late_in_the_evening_tonight_is_a_day_alone() -> None:
    assert READER.read("read tonight", NOW.replace(hour=22)).due == "2026-11-29"


def test_an_hour_that_the_clocks_leave_out_is_the_next() -> None:
    before = datetime(2027, 3, 27, 12, 0, tzinfo=ZoneInfo("Europe/Berlin"))
    assert READER.read("fly tomorrow 02:30", before).due == "2027-03-28T03:30:00+02:00"


def test_the_last_days_of_the_calendar_do_no_harm() -> None:
    last = datetime(9999, 12, 31, 23, 0, tzinfo=UTC)
    for text in ("x tomorrow", "x in 3 years", "x 3 dec", "x 22:00", "x in 2 hours", "x next week"):
        assert READER.read(text, last).text == text


@settings(deadline=None)  # the machine may be busy
@given(day=st.dates(NOW.date(), NOW.date() + timedelta(360)), form=st.integers(0, 5))
def test_every_day_in_every_form(day: date, form: int) -> None:
    month = MONTHS[day.month - 1]
    written = [
        f"{day.day} {month}",
        f"on {month} {day.day}",
        f"by {day.day} {month[:3]} {day.year}",
        f"{month[:3].title()} {day.day}, {day.year}",
        day.isoformat(),
        f"{day.month}月{day.day}日",
    ][form]
    for text in (f"{written}: pay", f"pay {written}"):
        read = READER.read(text, NOW)
        if month in ("march", "may") and form in (0, 1) and text.startswith(written):
            continue  # "3 may: pay" is read, "3 may pay" is not; both are shown above
        assert (read.text, read.due) == ("pay", day.isoformat())


@settings(deadline=None)  # the machine may be busy
@given(day=st.sampled_from(WEEKDAYS), now=st.dates(date(2026, 1, 1), date(2027, 12, 31)))
def test_a_weekday_is_the_next_one(day: str, now: date) -> None:
    due = READER.read(f"call {day}", datetime(now.year, now.month, now.day, tzinfo=UTC)).due
    assert due is not None
    found = date.fromisoformat(due)
    assert found.strftime("%A").lower() == day
    assert timedelta(1) <= found - now <= timedelta(7)


_PIECES = (
    *("fri", "tomorrow", "18:30", "#tag", "3 dec", "may", "in 3 days", "6pm", "next", "every", "3"),
    *(
        "明天",
        "下午3点",
        "周五",
        "的",
        "。",
        "on",
        "'s",
        "\\",
        "\\#x",
        '"',
        "(",
        ")",
        ",",
        " ",
        "\u200b",
    ),
)


@settings(deadline=None)  # the machine may be busy
@given(
    st.one_of(st.text(max_size=300), st.lists(st.sampled_from(_PIECES), max_size=20).map(" ".join))
)
def test_whatever_is_written_is_read_without_harm(text: str) -> None:
    read = READER.read(text, NOW)
    for one in read.found:
        assert 0 <= one.start < one.end <= len(text)
        assert one.words == text[one.start : one.end] or "\\" in text
    ends = [0, *(end for one in read.found for end in (one.start, one.end)), len(text)]
    assert ends == sorted(ends)
    if read.due and len(read.due) > len("2026-11-29"):
        assert datetime.fromisoformat(read.due).tzinfo is not None
    elif read.due:
        date.fromisoformat(read.due)
    if not read.found:
        assert read.text == text.strip() or "\\" in text
    assert len(read.text) <= len(text)


@settings(deadline=None)  # the machine may be busy
@given(st.lists(st.text(string.ascii_letters, min_size=1), min_size=1, max_size=8))
def test_what_is_escaped_stays_as_it_was(words: list[str]) -> None:
    text = f"{' '.join(words)} \\#tag"
    assert "#tag" in READER.read(text, NOW).text
    assert not READER.read(text, NOW).tags
