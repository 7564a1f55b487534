"""Documents whose sentences and scores are known because the test wrote them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from semantic_highlight.assembly import Assembler
from semantic_highlight.tokens import FunctionCounter
from semantic_highlight.types import HighlightedDocument, Span, SpanKind

Part = tuple[str, float] | tuple[str, float, SpanKind]


def highlighted(*parts: Part) -> HighlightedDocument:
    """Build a document of ``(sentence, score)`` or ``(sentence, score, kind)``."""
    text, spans = "", []
    for sentence, _, *kind in parts:
        spans.append(Span(len(text), len(text) + len(sentence), *kind))
        text += sentence
    scores = tuple(part[1] for part in parts)
    return HighlightedDocument(text, tuple(spans), scores, max(scores, default=0.0), "by hand")


def words(text: str) -> int:
    """Count words: the tokens of a test that needs to be worked out by hand."""
    return len(text.split())


def assembler(gap: str = "") -> Assembler:
    return Assembler(FunctionCounter(words), gap)


def pruned_text(document: HighlightedDocument, keep: Sequence[bool], gap: str = "") -> str:
    return assembler(gap).prune(document, keep, selector="by hand").text


def split_on_stops(text: str) -> list[Span]:
    """Cut after stops and line breaks and the white space that follows: a splitter without surprises."""
    found = (match.span() for match in re.finditer(r"[^.。\n]*(?:[.。\n]\s*|$)", text))
    return [Span(start, end) for start, end in found if start < end]
