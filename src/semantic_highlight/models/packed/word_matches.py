"""What word matching says of the sentences of a document, as an input of the network."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from semantic_highlight.lexical import LexicalScorer, idf, terms
from semantic_highlight.types import Span

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEXICAL_FEATURES = 8
"""How many :func:`lexical_features` returns for a sentence."""

FEEDBACK_SENTENCES = 10
"""How many of the best matching sentences lend their words, see :func:`lexical_features`."""


def lexical_features(query: str, text: str, spans: Sequence[Span]) -> NDArray[np.float32]:
    """Return what word matching says of every span, ``[spans, 8]``, in [0, 1].

    1. The score of :class:`LexicalScorer`, which tells a document that matches from one that does not.
    2. That score relative to the best of the document, which tells its sentences apart.
    3. to 6. The relative score of the sentence before, of the one after, of the heading above and the best
       of the others in the paragraph: they carry a match over to the sentences that it introduces.
    7. and 8. How many of its other words stand in a sentence that matches, times the relative score of
       that one, where this is greatest: in its own paragraph, and in others. This is relevance feedback
       (Rocchio 1971): whatever a match names, "the drummer's band", leads on to where it is told of.

    0.0 where there is no such sentence or nothing matches.
    """
    asked, sentences = terms(query), [terms(span.of(text)) for span in spans]
    scores = np.array(LexicalScorer().score_terms(asked, sentences).sentences, dtype=np.float32)
    relative = scores / max(scores.max(initial=0.0), 1e-6)
    before, after = np.r_[0.0, relative[:-1]][: len(spans)], np.r_[relative[1:], 0.0][: len(spans)]
    heading, above = 0.0, []
    for span, score in zip(spans, relative, strict=True):
        above.append(heading)
        heading = score if _is_heading(span, text) else heading
    paragraphs = _paragraphs(text, spans)
    beside = _best_of_others(relative, paragraphs)
    near, far = _feedback([set(words) - set(asked) for words in sentences], relative, paragraphs)
    return np.stack([scores, relative, before, after, above, beside, near, far], axis=1, dtype=np.float32)


def _is_heading(span: Span, text: str) -> bool:
    """Say whether a span is a heading; spans that a source labelled itself have no kind."""
    return span.kind == "heading" or re.match(r"\s*#{1,6}\s", span.of(text)) is not None


def _paragraphs(text: str, spans: Sequence[Span]) -> NDArray[np.int64]:
    """Number the paragraph of each span, ``[spans]``: a blank line begins a new one."""
    begins = np.zeros(len(spans), dtype=np.int64)
    for number in range(1, len(spans)):
        last, this = spans[number - 1], spans[number]
        before, after = last.of(text).rstrip(), this.of(text).lstrip()
        between = text[last.start + len(before) : this.end - len(after)]
        begins[number] = between.count("\n") > 1
    return begins.cumsum()


def _best_of_others(relative: NDArray[np.float32], paragraphs: NDArray[np.int64]) -> NDArray[np.float32]:
    best = np.zeros_like(relative)
    for members in np.split(np.arange(len(relative)), np.flatnonzero(np.diff(paragraphs)) + 1):
        if len(members) > 1:
            second, first = np.sort(relative[members])[-2:]
            best[members] = np.where(np.arange(len(members)) == relative[members].argmax(), second, first)
    return best


def _feedback(
    sentences: Sequence[set[str]], relative: NDArray[np.float32], paragraphs: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the last two features of :func:`lexical_features`, ``[2, spans]``.

    Words count by their inverse document frequency, as a share of all words of the poorer of both sentences;
    those that stand in more than a third of the sentences, or in one alone, link nothing.
    """
    counts = Counter(word for words in sentences for word in words)
    most = max(2, len(sentences) // 3)
    weights = {word: idf(count, len(sentences)) for word, count in counts.items()}
    totals = [math.fsum(weights[word] for word in words) for words in sentences]
    found = np.zeros((2, len(sentences)), dtype=np.float32)
    for lender in np.argsort(-relative, kind="stable")[:FEEDBACK_SENTENCES]:
        links = {word for word in sentences[lender] if 1 < counts[word] <= most}
        for number, words in enumerate(sentences):
            shared = links & words
            if not shared or number == lender:
                continue
            share = math.fsum(weights[word] for word in shared) / min(totals[number], totals[lender])
            where = int(paragraphs[number] != paragraphs[lender])
            found[where, number] = max(found[where, number], share * relative[lender])
    return found
