"""A scorer without a model, for your tests, ours and the documentation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from semantic_highlight.types import DocumentScores, Span

_WORDS = re.compile(r"(?P<cjk>[\u3400-\u9fff]+)|\w+")


class KeywordScorer:
    """Scores a sentence by the share of the keywords that it contains, whatever their case.

    Deterministic and explainable: with two keywords a sentence scores 0.0, 0.5 or 1.0. The relevance of a
    document is its best sentence's score.

    Args:
        keywords: What to look for; by default the words of the query, and of Chinese the pairs of
            characters.
    """

    def __init__(self, keywords: Iterable[str] | None = None) -> None:
        self.keywords = None if keywords is None else tuple(dict.fromkeys(word.lower() for word in keywords))

    @property
    def name(self) -> str:
        """``keywords``."""
        return "keywords"

    @property
    def default_threshold(self) -> float:
        """0.0: a sentence with any of the keywords is kept."""
        return 0.0

    def score(
        self, query: str, texts: Sequence[str], spans: Sequence[Sequence[Span]]
    ) -> list[DocumentScores]:
        """Score every span of every text."""
        keywords = self.keywords if self.keywords is not None else _keywords(query)
        documents = []
        for text, document in zip(texts, spans, strict=True):
            scores = tuple(_share(keywords, span.of(text).lower()) for span in document)
            documents.append(DocumentScores(scores, max(scores, default=0.0)))
        return documents

    def __repr__(self) -> str:
        return f"KeywordScorer({list(self.keywords) if self.keywords is not None else ''})"


def _keywords(query: str) -> tuple[str, ...]:
    keywords: dict[str, None] = {}
    for match in _WORDS.finditer(query.lower()):
        word = match.group()
        parts = [word[i : i + 2] for i in range(max(1, len(word) - 1))] if match["cjk"] else [word]
        keywords.update(dict.fromkeys(parts))
    return tuple(keywords)


def _share(keywords: Sequence[str], sentence: str) -> float:
    return sum(word in sentence for word in keywords) / len(keywords) if keywords else 0.0
