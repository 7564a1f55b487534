"""What word matching says of the sentences of a document, as an input of the network."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from semantic_highlight.lexical import LexicalScorer
from semantic_highlight.types import Span

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEXICAL_FEATURES = 5
"""How many :func:`lexical_features` returns for a sentence."""


def lexical_features(query: str, text: str, spans: Sequence[Span]) -> NDArray[np.float32]:
    """Return what word matching says of every span, ``[spans, 5]``, in [0, 1].

    The score of :class:`LexicalScorer`; that score relative to the best of the document, 0.0 where nothing
    matches; and the relative score of the sentence before, of the one after and of the heading above, 0.0
    where there is none. The first tells a document that matches from one that does not, the second which of
    its sentences match most, and the others carry a match over to the sentences that it introduces.
    """
    scores = np.array(LexicalScorer().score(query, [text], [spans])[0].sentences, dtype=np.float32)
    relative = scores / max(scores.max(initial=0.0), 1e-6)
    before, after = np.r_[0.0, relative[:-1]][: len(spans)], np.r_[relative[1:], 0.0][: len(spans)]
    heading, above = 0.0, []
    for span, score in zip(spans, relative, strict=True):
        above.append(heading)
        heading = score if _is_heading(span, text) else heading
    return np.stack([scores, relative, before, after, above], axis=1, dtype=np.float32)


def _is_heading(span: Span, text: str) -> bool:
    """Say whether a span is a heading; spans that a source labelled itself have no kind."""
    return span.kind == "heading" or re.match(r"\s*#{1,6}\s", span.of(text)) is not None
