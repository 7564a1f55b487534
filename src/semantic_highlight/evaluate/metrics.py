"""Sentence-level metrics of scores, each over one pool of (score, label) pairs.

Those of a decision stand in :mod:`~semantic_highlight.evaluate.counts`, and those of a ranking, for many
resamples of the documents at once, in :mod:`~semantic_highlight.evaluate.ranking`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from semantic_highlight.evaluate.counts import f_beta, ratio
from semantic_highlight.evaluate.ranking import Ranking

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

CALIBRATION_BINS = 15
"""Bins of equal width of :func:`expected_calibration_error`, as many as Guo et al. (2017) take."""


def expected_calibration_error(labels: ArrayLike, scores: ArrayLike) -> float:
    """Return how far scores are from the share of positives among the sentences that get them.

    The mean over sentences of ``|share of positives - mean score|`` of the sentence's bin, in 15 bins of
    equal width (Naeini, Cooper and Hauskrecht, AAAI 2015; Guo et al., ICML 2017, arXiv:1706.04599).
    NaN for an empty pool.
    """
    return float(calibration_error(calibration_gaps(labels, scores, np.zeros(np.size(labels), int), 1))[0])


def calibration_gaps(
    labels: ArrayLike, scores: ArrayLike, owners: ArrayLike, documents: int
) -> NDArray[np.float64]:
    """Return what :func:`calibration_error` adds up, for every document.

    Args:
        labels: 1 where a sentence is positive, else 0.
        scores: In [0, 1].
        owners: The document that each sentence is of, from 0.
        documents: How many documents there are.

    Returns:
        ``[documents, bins + 1]``: the sum of ``label - score`` of the sentences in each bin, and the number
        of sentences.
    """
    y, s = np.asarray(labels, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    rows = np.asarray(owners, dtype=np.intp)
    gaps = np.zeros((documents, CALIBRATION_BINS + 1))
    np.add.at(gaps, (rows, calibration_bin(s)), y - s)
    gaps[:, -1] = np.bincount(rows, minlength=documents)
    return gaps


def calibration_bin(scores: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the bin of each score, from 0; a score of 1.0 belongs to the last."""
    return np.minimum((scores * CALIBRATION_BINS).astype(np.intp), CALIBRATION_BINS - 1)


def calibration_error(gaps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the expected calibration error of sums of :func:`calibration_gaps`, one a row."""
    return ratio(np.abs(gaps[:, :-1]).sum(axis=1), gaps[:, -1])


def average_precision(labels: ArrayLike, scores: ArrayLike) -> float:
    """Return the average precision: the sum of precision weighted by the gain in recall, ties taken together.

    The definition of scikit-learn's ``average_precision_score``. 0.0 when nothing is positive.
    """
    ranking, one = _pool(labels, scores)
    return _or_zero(ranking.average_precision(one)[0])


def best_f1(labels: ArrayLike, scores: ArrayLike) -> tuple[float, float]:
    """Return the best F1 over all thresholds, and the score from which sentences are kept for it."""
    ranking, one = _pool(labels, scores)
    if not len(ranking.positives):
        return 0.0, 1.0
    f1 = f_beta(ranking.hits(one), ranking.taken(one), len(ranking.positives), beta=1.0)[0]
    best = int(np.argmax(f1))
    return float(f1[best]), float(ranking.thresholds[best])


def f1_at(labels: ArrayLike, scores: ArrayLike, threshold: float) -> float:
    """Return the F1 of keeping every sentence that scores above ``threshold`` (strictly)."""
    return _f_at(labels, scores, threshold, beta=1.0)


def f2_at(labels: ArrayLike, scores: ArrayLike, threshold: float) -> float:
    """Return the F2, in which recall weighs twice as much, of keeping what scores above ``threshold``."""
    return _f_at(labels, scores, threshold, beta=2.0)


def _f_at(labels: ArrayLike, scores: ArrayLike, threshold: float, *, beta: float) -> float:
    y, kept = np.asarray(labels) > 0, np.asarray(scores) > threshold
    return _or_zero(float(f_beta((y & kept).sum(), kept.sum(), y.sum(), beta=beta)))


def recall_at_removed(labels: ArrayLike, scores: ArrayLike, tokens: ArrayLike, share: float) -> float:
    """Return the share of positive sentences still there when ``share`` of all tokens is removed.

    One threshold for the whole pool, as a user sets one; linear between two neighbouring thresholds, so that
    of sentences with equal scores the share that fits is kept. 0.0 when nothing is positive.

    Args:
        labels: 1 where a sentence answers.
        scores: Higher is kept longer.
        tokens: Tokens of each sentence.
        share: Share of the tokens to remove, 0.0 to 1.0.
    """
    ranking, one = _pool(labels, scores, tokens)
    return _or_zero(ranking.recall_at_removed(one, [share])[0, 0])


def _pool(
    labels: ArrayLike, scores: ArrayLike, tokens: ArrayLike | None = None
) -> tuple[Ranking, NDArray[np.float64]]:
    """Return the ranking of one pool as a single document, and the weight of that."""
    size = np.size(scores)
    count = np.ones(size) if tokens is None else tokens
    return Ranking.of(labels, scores, count, np.zeros(size, dtype=np.intp)), np.ones((1, 1))


def _or_zero(value: float) -> float:
    return 0.0 if np.isnan(value) else float(value)
