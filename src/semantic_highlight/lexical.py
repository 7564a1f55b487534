"""A scorer that needs no model: BM25 over the sentences of each document, English and Chinese."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from semantic_highlight.types import DocumentScores, Span

_CJK = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"  # kana, Chinese, Hangul, compatibility
# Left to the cache of ``re``: compiling it takes longer than importing the rest of this module.
_WORDS = rf"(?P<cjk>[{_CJK}]+)|[^\W_{_CJK}]+"

_ENDINGS = (("ies", "y"), ("ied", "y"), ("ing", ""), ("ed", ""), ("es", ""), ("ly", ""), ("s", ""))
_SHORTEST_STEM = 3


@dataclass(frozen=True, slots=True)
class LexicalScorer:
    """Scores sentences by BM25 against the query; no model, no download.

    The inverse document frequency of a term is taken over the sentences of the one document, so that a
    score depends on nothing else. A sentence's sum is divided by the best that a sentence could reach,
    every term of the query at saturation, so that scores of different documents compare: 1.0 would be
    every term of the query, again and again. A term that stands nowhere weighs there as if it stood once,
    or short documents, where it would weigh five times as much as one that is found, would score too low.

    Terms are lower-cased words without their commonest English endings, and of Chinese every character
    and every pair of neighbours. There is no list of stop words: a word that stands in every sentence
    weighs next to nothing already.

    Attributes:
        k1: How slowly a repeated term saturates, above 0. The default is Lucene's.
        b: How much a long sentence is discounted, 0.0 to 1.0. The default is Lucene's.
    """

    k1: float = 1.2
    b: float = 0.75

    @property
    def name(self) -> str:
        """``bm25``."""
        return "bm25"

    @property
    def default_threshold(self) -> float:
        """The score above which a sentence is kept.

        It has the best mean sentence F1 over four sets that no evaluation uses: 11,937 questions of SQuAD,
        1,734 of CMRC 2018, and this package's own training documents in English and in Chinese.
        """
        return 0.10

    def score(
        self, query: str, texts: Sequence[str], spans: Sequence[Sequence[Span]]
    ) -> list[DocumentScores]:
        """Score every span of every text; the relevance of a text is its best sentence's score."""
        asked = terms(query)
        return [
            self.score_terms(asked, [terms(span.of(text)) for span in document])
            for text, document in zip(texts, spans, strict=True)
        ]

    def score_terms(self, query: Sequence[str], sentences: Sequence[Sequence[str]]) -> DocumentScores:
        """Score the sentences of one document, all given as their :func:`terms`."""
        wanted = tuple(sorted(set(query)))
        counts = [Counter(sentence) for sentence in sentences]
        weights = {term: idf(sum(term in count for count in counts), len(counts)) for term in wanted}
        best = sum(weights.values()) * (self.k1 + 1)
        mean_length = sum(map(len, sentences)) / max(1, len(sentences)) or 1.0
        scores = []
        for sentence, count in zip(sentences, counts, strict=True):
            norm = self.k1 * (1 - self.b + self.b * len(sentence) / mean_length)
            found = ((weights[term], count[term]) for term in wanted if term in count)
            reached = sum(weight * n * (self.k1 + 1) / (n + norm) for weight, n in found)
            scores.append(min(reached / best, 1.0) if best else 0.0)
        return DocumentScores(tuple(scores), max(scores, default=0.0))


def idf(containing: int, sentences: int) -> float:
    """Lucene's form, which is never negative: ``ln(1 + (N - n + 0.5) / (n + 0.5))``, of n at least 1."""
    containing = max(containing, 1)
    return math.log(1 + (sentences - containing + 0.5) / (containing + 0.5))


def terms(text: str) -> list[str]:
    """Return what is matched of a text: lower-cased stems, and of Chinese single characters and pairs."""
    found: list[str] = []
    for match in re.finditer(_WORDS, unicodedata.normalize("NFKC", text).lower()):
        word = match.group()
        if match["cjk"]:
            found += word
            found += (word[i : i + 2] for i in range(len(word) - 1))
        else:
            found.append(_stem(word))
    return found


def _stem(word: str) -> str:
    """Strip an ending, then what English changes before one: a silent e, a doubled consonant."""
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            word = word.removesuffix(ending) + instead
            break
    if len(word) > _SHORTEST_STEM and word.endswith("e"):
        word = word[:-1]
    if len(word) > _SHORTEST_STEM and word[-1] == word[-2] and word[-1] not in "ls":
        word = word[:-1]
    return word
