"""Text in, spans out that tile it: sentences of prose, and the units of Markdown, tables, code and logs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from semantic_highlight.splitting.blocks import Block, find_blocks
from semantic_highlight.splitting.cuts import CODE_CUTS, PROSE_CUTS, cut
from semantic_highlight.splitting.lines import (
    Line,
    ends_like_sentence,
    is_labelled,
    is_numbered,
    line_table,
    logical_lines,
    width,
    without_quote_marks,
)
from semantic_highlight.splitting.prose import sentence_ends
from semantic_highlight.types import Span, SpanKind

__all__ = ["split"]

_MAX_CHARS = 1200
"""Longest span, in code points without trailing white space: fits a 512-token window beside a query."""

_MAX_CODE_CHARS = 1000
"""Longest code block that stays one span, in code points."""

_MAX_ENTRY_WIDTH = 200
"""Widest list item or log line of several sentences that stays one span, in columns."""

_MAX_NOTE_WIDTH = 160
"""Widest line without a final stop that stays one span whatever stops are in it, in columns."""


def split(text: str) -> list[Span]:
    r"""Split a text into sentences and the units of its structure.

    A heading, a list item, a table row, a chat or log line and a short code block are a span each; so is
    every sentence of a paragraph. A table's header row and its ``|---|`` row are one span. White space,
    blank lines included, belongs to the span before it, that at the very beginning to the first span.
    ``；`` does not end a sentence, ``。”`` does. Time and memory are linear in the length.

    Returns:
        Spans that tile the text: in order, none empty, no gap, no overlap. None is blank unless the whole
        text is. The empty string has none. A span of more than 1,200 characters is cut.
    """
    lines = line_table(text)
    contents = [text[line.start : line.stop] for line in lines]
    spans = (
        span
        for block in find_blocks(contents)
        for span in _spans_of_block(text, block, lines[block.first : block.last])
    )
    return list(_without_blanks(text, spans))


def _spans_of_block(text: str, block: Block, lines: Sequence[Line]) -> Iterator[Span]:
    start, end = lines[0].start, lines[-1].end
    if block.kind in ("prose", "list_item"):
        yield from _spans_of_paragraph(text, block.kind, lines)
    elif block.kind == "code":
        yield from _cut(text, Span(start, end, "code"))
    else:
        yield from _cut(text, Span(start, end, block.kind))


def _spans_of_paragraph(text: str, kind: SpanKind, lines: Sequence[Line]) -> Iterator[Span]:
    raw = [without_quote_marks(text[line.start : line.stop]) for line in lines]
    contents = [line.strip() for line in raw]
    count = len(contents)
    while count > 1 and not contents[count - 1]:
        count -= 1  # blank lines belong to the last unit
    units = list(logical_lines(raw[:count]))
    entries = sum(is_labelled(contents[first]) for first, _ in units)
    for first, last in units:
        start, end = lines[first].start, lines[last - 1 if last < count else -1].end
        unit_kind: SpanKind = kind
        if kind == "list_item" and first > 0:
            unit_kind = "prose"
        if unit_kind == "prose" and entries > 1 and is_labelled(contents[first]):
            unit_kind = "line"
        note = len(units) > 1 and not ends_like_sentence(contents[last - 1])
        limit = _MAX_ENTRY_WIDTH if unit_kind != "prose" else _MAX_NOTE_WIDTH if note else 0
        yield from _spans_of_unit(text, Span(start, end, unit_kind), limit)


def _spans_of_unit(text: str, unit: Span, limit: int) -> Iterator[Span]:
    """Yield a unit whole when it is no wider than ``limit`` and has no numbered clause inside, else its sentences."""
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
    ends = set()
    for end in sentence_ends(clean):
        before = len(raw[:end].rstrip("> \t"))
        ends.add(before if raw[before - 1 : before] in ("\n", "\r") and end < len(raw) else end)
    return sorted(ends - {0})


def _cut(text: str, span: Span) -> Iterator[Span]:
    limit, places = (_MAX_CODE_CHARS, CODE_CUTS) if span.kind == "code" else (_MAX_CHARS, PROSE_CUTS)
    start = span.start
    for end in cut(text, span.start, span.end, limit=limit, places=places):
        yield Span(start, end, span.kind)
        start = end


def _without_blanks(text: str, spans: Iterable[Span]) -> Iterator[Span]:
    """Join every blank span to the one before it, or to the one after it at the beginning."""
    held: Span | None = None
    for span in spans:
        if held is None:
            held = span
        elif text[span.start : span.end].isspace():
            held = Span(held.start, span.end, held.kind)
        elif text[held.start : held.end].isspace():
            held = Span(held.start, span.end, span.kind)
        else:
            yield held
            held = span
    if held is not None:
        yield held
