"""A small labelled set whose every figure can be worked out by hand."""

from __future__ import annotations

import re

from builders import words
from semantic_highlight.records import Record
from semantic_highlight.types import DocumentScores

__all__ = ["BY_HAND", "SCORES", "FixedScorer", "record", "words"]

SCORES = {
    "One two three.": 0.9,
    "Four five.": 0.8,
    "Six.": 0.2,
    "Seven eight.": 0.6,
    "Nine ten eleven.": 0.1,
    "Twelve.": 0.7,
}


def record(name, context, answers=(), *, dataset="a", lang="en", query="Which?", sentences=None):
    """A record whose answers are given as the texts that answer."""
    spans = tuple((context.index(text), context.index(text) + len(text)) for text in answers)
    own = labels = None
    if sentences is not None:
        own = tuple((context.index(text), context.index(text) + len(text)) for text in sentences)
        labels = tuple(int(text in answers) for text in sentences)
    return Record(name, dataset, lang, query, context, None, spans, own, labels)


BY_HAND = [
    record("1", "One two three. Four five. Six.", ["One two three.", "Six."]),
    record("2", "Seven eight. Nine ten eleven.", dataset="b"),
    record("3", "Twelve.", ["Twelve."]),
]


class FixedScorer:
    """Scores each sentence as a table says, and 0.0 what is not in it."""

    default_threshold = 0.5

    def __init__(self, scores=SCORES, name="fixed"):
        self.scores, self.name, self.calls = scores, name, []

    def score(self, query, texts, spans):
        self.calls.append((query, tuple(texts)))
        return [
            DocumentScores(tuple(self._of(span.of(text)) for span in some), 0.0)
            for text, some in zip(texts, spans, strict=True)
        ]

    def _of(self, sentence):
        return self.scores.get(re.sub(r"\s+", " ", sentence).strip(), 0.0)
