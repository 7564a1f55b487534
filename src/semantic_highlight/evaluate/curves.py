"""What every threshold would do, and what scores are worth: the data of the plots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from semantic_highlight.evaluate.counts import precision, recall, tokens_removed
from semantic_highlight.evaluate.metrics import CALIBRATION_BINS, calibration_bin
from semantic_highlight.evaluate.ranking import Ranking
from semantic_highlight.evaluate.scored import ScoredSentences

if TYPE_CHECKING:
    from numpy.typing import NDArray

POINTS = 300
"""Most points of a curve: more would not show."""


@dataclass(frozen=True, slots=True)
class Curve:
    """All sentences of a set in one pool, at falling thresholds; arrays are ``[points]``.

    Attributes:
        thresholds: The score from which sentences are kept.
        precision: Of the kept sentences, the share that answers.
        recall: Of the sentences that answer, the share kept.
        removed: Share of the sentences' tokens removed.
    """

    thresholds: NDArray[np.float64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    removed: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Reliability:
    """How often sentences answer at each score; arrays are ``[bins that have sentences]``.

    Attributes:
        scores: Mean score of the bin's sentences.
        answering: Share of them that answers.
        sentences: How many they are.
    """

    scores: NDArray[np.float64]
    answering: NDArray[np.float64]
    sentences: NDArray[np.int64]


def curve(scored: ScoredSentences) -> Curve:
    """Return precision, recall and savings at up to 300 thresholds, evenly spread over the sentences.

    The first point is that of keeping nothing, which has no precision.
    """
    pool = np.zeros(len(scored.scores), dtype=np.intp)
    ranking, one = Ranking.of(scored.labels, scored.scores, scored.tokens, pool), np.ones((1, 1))
    hits, taken = ranking.hits(one)[0], ranking.taken(one)[0]
    kept = np.cumsum(ranking.tokens)[ranking.ends]
    wanted = np.searchsorted(ranking.ends, np.linspace(0, len(pool) - 1, POINTS))
    some = np.unique(wanted)
    nothing = np.r_[1.0, np.nan, 0.0, 1.0]
    columns = (
        ranking.thresholds,
        precision(hits, taken),
        recall(hits, hits[-1]),
        tokens_removed(kept[-1], kept),
    )
    return Curve(*(np.r_[first, column[some]] for first, column in zip(nothing, columns, strict=True)))


def reliability(scored: ScoredSentences) -> Reliability:
    """Return the share of answers in bins of equal width, those of the expected calibration error."""
    bins = calibration_bin(scored.scores)
    sentences = np.bincount(bins, minlength=CALIBRATION_BINS)
    full = sentences > 0
    sums = (np.bincount(bins, values, CALIBRATION_BINS)[full] for values in (scored.scores, scored.labels))
    scores, answering = (some / sentences[full] for some in sums)
    return Reliability(scores, answering, sentences[full])
