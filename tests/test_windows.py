from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic_highlight.windows import pack


@pytest.mark.parametrize(
    ("spans", "options", "expected"),
    [
        ([], {"room": 10, "longest": 10}, []),
        ([(0, 4), (4, 6)], {"room": 10, "longest": 10}, [[(0, 4), (4, 6)]]),
        # 4 + 4 fit in 10, 4 more do not.
        ([(0, 4), (4, 8), (8, 12)], {"room": 10, "longest": 10}, [[(0, 4), (4, 8)], [(8, 12)]]),
        # With 2 tokens of overhead each, a second 4 does not fit beside the first.
        ([(0, 4), (4, 8)], {"room": 10, "longest": 8, "overhead": 2}, [[(0, 4)], [(4, 8)]]),
        # A span of 10 is cut at 4; empty spans are skipped.
        ([(0, 0), (0, 10)], {"room": 4, "longest": 4}, [[(0, 4)], [(4, 8)], [(8, 10)]]),
        # The second window repeats the 4 tokens before it.
        (
            [(0, 4), (4, 8), (8, 12)],
            {"room": 8, "longest": 8, "overlap": 4},
            [[(0, 4), (4, 8)], [(4, 8), (8, 12)]],
        ),
        # Nothing is repeated where the block to come would not fit beside it.
        ([(0, 4), (4, 8), (8, 16)], {"room": 8, "longest": 8, "overlap": 4}, [[(0, 4), (4, 8)], [(8, 16)]]),
    ],
)
def test_by_hand(spans, options, expected):
    assert pack(spans, **options) == expected


@settings(max_examples=200, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 40), max_size=30),
    longest=st.integers(1, 20),
    overhead=st.integers(0, 3),
    spare=st.integers(0, 30),
    overlap=st.integers(0, 40),
)
def test_every_token_is_in_a_window_and_no_window_is_too_long(sizes, longest, overhead, spare, overlap):
    ends = [sum(sizes[: n + 1]) for n in range(len(sizes))]
    spans = [(end - size, end) for end, size in zip(ends, sizes, strict=True)]
    room = longest + overhead + spare
    windows = pack(spans, room=room, longest=longest, overhead=overhead, overlap=overlap)
    covered = {token for window in windows for first, last in window for token in range(first, last)}
    assert covered == set(range(sum(sizes)))
    for window in windows:
        assert window
        assert sum(last - first + overhead for first, last in window) <= room
        assert all(one[1] == other[0] for one, other in pairwise(window))
        assert all(any(begin <= first and last <= end for begin, end in spans) for first, last in window)
    for before, after in pairwise(windows):
        repeated = [block for block in after if block in before]
        assert sum(last - first + overhead for first, last in repeated) <= overlap
        assert after[-1] not in before
