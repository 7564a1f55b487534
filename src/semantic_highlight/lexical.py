"""A scorer that needs no model: BM25 over the sentences of each document, English and Chinese."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from semantic_highlight.types import DocumentScores, Span

# A run of Chinese, Japanese or Korean characters; a word of anything else.
_WORDS = re.compile(r"(?P<cjk>[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]+)|[^\W_]+(?:'[^\W_]+)?")

_STOP_WORDS = frozenset(
    """
    a about an and any are as at be been but by can could did do does for from had has have how i if in
    into is it its me my of on or our should so than that the their them then there these they this those
    to was we were what when where which who whom whose why will with would you your
    的 了 是 在 和 与 吗 呢 吧 啊 哪 什么 怎么 为什 哪些 哪个 多少 如何 怎样 是否
    """.split()  # noqa: SIM905 - a list of quoted words would hide them
)

_SUFFIXES = ("ingly", "edly", "ings", "ing", "ies", "ied", "ed", "es", "ly", "s")


@dataclass(frozen=True, slots=True)
class LexicalScorer:
    """Scores sentences by BM25 against the query.

    The inverse document frequency of a term is taken over the sentences of the one document, so that a
    score depends on nothing else. A sentence's sum is divided by the best sum any sentence could reach,
    the one with every term of the query at saturation, which makes scores of different documents
    comparable: 1.0 would be every term of the query, again and again.

    Words are lower-cased and stripped of common English endings; runs of Chinese become overlapping pairs
    of characters.

    Attributes:
        k1: How slowly a repeated term saturates, above 0.
        b: How much a long sentence is discounted, 0.0 to 1.0.
    """

    k1: float = 1.2
    b: float = 0.75

    @property
    def name(self) -> str:
        """``bm25``."""
        return "bm25"

    @property
    def default_threshold(self) -> float:
        """The score above which a sentence is kept."""
        return 0.2

    def score(
        self, query: str, texts: Sequence[str], spans: Sequence[Sequence[Span]]
    ) -> list[DocumentScores]:
        """Score every span of every text; the relevance of a text is its best sentence's score."""
        wanted = frozenset(_query_terms(query))
        return [
            self._score_document(wanted, [_terms(span.of(text)) for span in document])
            for text, document in zip(texts, spans, strict=True)
        ]

    def _score_document(self, wanted: frozenset[str], sentences: Sequence[Sequence[str]]) -> DocumentScores:
        counts = [Counter(term for term in sentence if term in wanted) for sentence in sentences]
        lengths = [len(sentence) for sentence in sentences]
        filled = sum(1 for length in lengths if length)
        mean_length = sum(lengths) / filled if filled else 1.0
        weights = {term: _idf(sum(term in count for count in counts), filled) for term in wanted}
        best = sum(weights.values()) * (self.k1 + 1)
        scores = []
        for count, length in zip(counts, lengths, strict=True):
            norm = self.k1 * (1 - self.b + self.b * length / mean_length)
            # In the order of the terms, not of the set, so that the last bit is the same in every process.
            reached = sum(weights[t] * n * (self.k1 + 1) / (n + norm) for t, n in sorted(count.items()))
            scores.append(min(reached / best, 1.0) if best else 0.0)
        return DocumentScores(tuple(scores), max(scores, default=0.0))


def _idf(containing: int, sentences: int) -> float:
    """The form of Lucene's BM25, which is never negative."""
    return math.log(1 + (sentences - containing + 0.5) / (containing + 0.5))


def _query_terms(query: str) -> list[str]:
    terms = _terms(query)
    return [term for term in terms if term not in _STOP_WORDS] or terms


def _terms(text: str) -> list[str]:
    terms: list[str] = []
    for match in _WORDS.finditer(text.lower()):
        word = match.group()
        if match["cjk"]:
            terms.extend(word[i : i + 2] for i in range(max(1, len(word) - 1)))
        else:
            terms.append(_stem(word))
    return terms


def _stem(word: str) -> str:
    if len(word) <= 3 or not word.isascii():
        return word
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            return word[: -len(suffix)]
    return word
