"""What a loss of power leaves of one file."""

from __future__ import annotations

from copy import deepcopy
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.power.content import PAGE, Content


def content(data: bytes) -> Content:
    """A file that the disk has."""
    one = Content()
    one.write(0, data)
    one.sync()
    return one


def lose(one: Content, seed: int, share: float, *, holes: bool = False) -> bytes:
    one.lose(Random(seed), share, holes=holes)
    return bytes(one.data)


def test_what_was_synced_is_there() -> None:
    assert lose(content(b"kept"), 1, 0.0) == b"kept"


def test_nothing_of_a_write_that_was_not_synced() -> None:
    one = content(b"kept")
    one.write(0, b"gone and more")
    assert lose(one, 1, 0.0) == b"kept"


def test_the_tail_of_a_write_is_dropped() -> None:
    found = set()
    for seed in range(200):
        one = content(b"kept")
        one.write(4, b"x" * 3 * PAGE)
        left = lose(one, seed, 0.5)
        assert left == b"kept" + b"x" * (len(left) - 4)
        found.add(len(left))
    assert {4, 4 + 3 * PAGE} < found, "neither nothing nor all of it was kept"
    assert {PAGE, 2 * PAGE} < found, "none ended with a page"
    assert any(size % PAGE for size in found - {4, 4 + 3 * PAGE}), "none ended within a page"


def test_whole_pages_are_dropped_in_any_order() -> None:
    found = set()
    for seed in range(100):
        one = content(b"-" * 4 * PAGE)
        one.write(0, b"+" * 4 * PAGE)
        left = lose(one, seed, 0.5)
        found.add("".join(chr(left[place]) for place in range(0, 4 * PAGE, PAGE)))
        assert all(len({*left[at : at + PAGE]}) == 1 for at in range(0, 4 * PAGE, PAGE))
    assert "-+--" in found
    assert "+--+" in found


def test_a_hole_where_the_size_was_there_before_its_pages() -> None:
    kept = set()
    for seed in range(100):
        one = content(b"")
        one.write(0, b"x" * 2 * PAGE)
        kept.add(lose(one, seed, 0.5, holes=True))
    assert bytes(PAGE) + b"x" * PAGE in kept


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_cut_off_and_written_anew(share: float) -> None:
    one = content(b"before")
    one.resize(0)
    one.write(0, b"after it all")
    left = lose(one, 3, share)
    assert left == b"before" if not share else b"after it all".startswith(left)


def test_a_range_that_was_synced() -> None:
    one = content(b"-" * 3 * PAGE)
    one.write(0, b"+" * 3 * PAGE)
    one.sync_range(PAGE, 2 * PAGE)
    assert lose(one, 1, 0.0) == b"-" * PAGE + b"+" * PAGE + b"-" * PAGE


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 3 * PAGE), st.integers(1, 2 * PAGE)),
        st.tuples(st.just("resize"), st.integers(0, 4 * PAGE)),
        st.tuples(st.just("sync")),
    ),
    max_size=12,
)


@given(STEPS, st.integers(0, 999))
def test_whatever_was_done(steps: list[tuple[str, int, int]], seed: int) -> None:
    """Without luck it is what was synced last; with it, no byte is there that nobody has written."""
    one, disk, written = Content(), b"", {0}
    for number, (what, *numbers) in enumerate(steps, start=1):
        if what == "write":
            one.write(numbers[0], bytes([number]) * numbers[1])
            written.add(number)
        elif what == "resize":
            one.resize(numbers[0])
        else:
            one.sync()
            disk = bytes(one.data)
    lucky = deepcopy(one)
    assert {*lose(lucky, seed, 0.5, holes=True)} <= written
    assert lose(one, seed, 0.0) == disk
