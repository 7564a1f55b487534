"""Where to cut a piece of text that is too long to score as one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

# "\r\n?" could give the "\n" back, and every Windows line break would be two: a blank line.
_NEWLINE = r"(?:\r\n|\r(?!\n)|\n)"
PROSE_CUTS = tuple(map(re.compile, (rf"{_NEWLINE}\s*", r"[；;]\s*", r"[，,、：:]\s*", r"\s+")))
CODE_CUTS = tuple(map(re.compile, (rf"{_NEWLINE}(?:[^\S\r\n]*{_NEWLINE})+", _NEWLINE, r"[;,]\s*", r"\s+")))
"""Places to cut at, the best first; the cut comes after the match."""


def cut(text: str, start: int, end: int, *, limit: int, places: Sequence[re.Pattern[str]]) -> Iterator[int]:
    """Yield the ends of pieces of ``text[start:end]`` of about ``limit`` code points, the last being ``end``.

    A piece is cut at the last of the best places in the half ``limit`` before its longest end; where there
    is none, at that end. White space at the end of a piece does not count.
    """
    stop = start + len(text[start:end].rstrip())
    while stop - start > limit:
        # The last piece is not left shorter than half the limit.
        high = start + min(limit, max(limit // 2, stop - start - limit // 2))
        if text[high - 1 : high + 1] == "\r\n":  # one line break, which no cut may part
            high += 1
        start = _place(text, max(start + 1, high - limit // 2), high, places)
        while start < stop and text[start].isspace() and places is PROSE_CUTS:
            start += 1
        yield start
    yield end


def _place(text: str, low: int, high: int, places: Sequence[re.Pattern[str]]) -> int:
    for place in places:
        at = 0
        for match in place.finditer(text, low, high):
            at = match.end()
        if at:
            return at
    return high
