"""Text in, spans out that tile it: sentences of prose, and the units of Markdown, tables, code and logs.

====== =======================================================================
blocks what Markdown says of each line
lines  which lines of a paragraph go on with the one before
prose  where sentences end, by `sentencex`; stops: which stops end one
units  the spans of a block; cuts: where to cut what is too long
====== =======================================================================
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from semantic_highlight.splitting.blocks import find_blocks
from semantic_highlight.splitting.lines import line_table
from semantic_highlight.splitting.units import spans_of_block
from semantic_highlight.types import Span

__all__ = ["split"]


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
    blocks = find_blocks([text[line.start : line.stop] for line in lines])
    spans = (
        span for block in blocks for span in spans_of_block(text, block.kind, lines[block.first : block.last])
    )
    return list(_without_blanks(text, spans))


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
