"""The spans of one block: sentences of a paragraph, whole list items and log lines, pieces of long code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from semantic_highlight.splitting.cuts import CODE_CUTS, PROSE_CUTS, cut
from semantic_highlight.splitting.lines import (
    Line,
    ends_like_sentence,
    is_labelled,
    is_numbered,
    logical_lines,
    width,
    without_quote_marks,
)
from semantic_highlight.splitting.prose import sentence_ends
from semantic_highlight.types import Span, SpanKind

MAX_CHARS = 1200
"""Longest span, in code points without trailing white space: fits a 512-token window beside a query."""

MAX_CODE_CHARS = 1000
"""Longest code block that stays one span, in code points."""

MAX_ENTRY_WIDTH = 200
"""Widest list item or log line of several sentences that stays one span, in columns."""

MAX_NOTE_WIDTH = 160
"""Widest line without a final stop that stays one span whatever stops are in it, in columns."""


def spans_of_block(text: str, kind: SpanKind, lines: Sequence[Line]) -> Iterator[Span]:
    """Yield the spans of a block, tiling its lines.

    Args:
        text: The whole text.
        kind: What Markdown sees in the block.
        lines: Its lines, at least one; the last ones may be blank.
    """
    if kind in ("prose", "list_item"):
        yield from _spans_of_paragraph(text, kind, lines)
    else:
        yield from _cut(text, Span(lines[0].start, lines[-1].end, kind))


def _spans_of_paragraph(text: str, kind: SpanKind, lines: Sequence[Line]) -> Iterator[Span]:
    contents = [without_quote_marks(text[line.start : line.stop]) for line in lines]
    while len(contents) > 1 and not contents[-1].strip():
        contents.pop()  # blank lines belong to the last unit
    units = list(logical_lines(contents))
    labelled = [is_labelled(contents[first].strip()) for first, _ in units]
    has_entries = sum(labelled) > 1
    for (first, last), is_entry in zip(units, labelled, strict=True):
        end = lines[-1].end if last == len(contents) else lines[last].start
        unit = Span(lines[first].start, end, kind if first == 0 else "prose")
        if unit.kind == "prose" and is_entry and has_entries:
            unit = Span(unit.start, unit.end, "line")
        limit = MAX_ENTRY_WIDTH
        if unit.kind == "prose":
            is_note = len(units) > 1 and not ends_like_sentence(contents[last - 1].strip())
            limit = MAX_NOTE_WIDTH if is_note else 0
        yield from _spans_of_unit(text, unit, limit)


def _spans_of_unit(text: str, unit: Span, limit: int) -> Iterator[Span]:
    """Yield a unit whole if it is within ``limit`` and no numbered clause is inside, else its sentences."""
    raw = unit.of(text)
    starts = [0, *_sentence_ends(raw)]
    if width(raw.strip()) <= limit and not any(is_numbered(raw[start:]) for start in starts[1:-1]):
        starts = [0, len(raw)]
    for start, end in pairwise(starts):
        yield from _cut(text, Span(unit.start + start, unit.start + end, unit.kind))


def _sentence_ends(raw: str) -> list[int]:
    """Return the sentence ends of a unit, a quote mark belonging to the sentence after it."""
    if ">" not in raw:
        return sentence_ends(raw)
    clean = "".join(map(without_quote_marks, raw.splitlines(keepends=True)))
    return sorted({_before_quote_mark(raw, end) for end in sentence_ends(clean)} - {0})


def _before_quote_mark(raw: str, end: int) -> int:
    """Return the beginning of the line if there are only quote marks between it and ``end``, else ``end``."""
    before = end
    while before and raw[before - 1] in "> \t":
        before -= 1
    return before if end < len(raw) and raw[before - 1 : before] in ("\n", "\r") else end


def _cut(text: str, span: Span) -> Iterator[Span]:
    limit, places = (MAX_CODE_CHARS, CODE_CUTS) if span.kind == "code" else (MAX_CHARS, PROSE_CUTS)
    start = span.start
    for end in cut(text, span.start, span.end, limit=limit, places=places):
        yield Span(start, end, span.kind)
        start = end
