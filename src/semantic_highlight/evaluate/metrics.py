"""Sentence-level metrics, each over one pool of (score, label) pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def _curve(
    labels: ArrayLike, scores: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the distinct scores, descending, and the true and the predicted positives at or above each."""
    y, s = np.asarray(labels, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    order = np.argsort(-s, kind="stable")
    y, s = y[order], s[order]
    last_of_tie = np.r_[np.flatnonzero(np.diff(s)), len(s) - 1] if len(s) else np.zeros(0, dtype=int)
    return s[last_of_tie], np.cumsum(y)[last_of_tie], (last_of_tie + 1).astype(np.float64)


def average_precision(labels: ArrayLike, scores: ArrayLike) -> float:
    """Return the average precision: the sum of precision weighted by the gain in recall, ties taken together.

    The definition of scikit-learn's ``average_precision_score``. 0.0 when nothing is positive.
    """
    _, hits, taken = _curve(labels, scores)
    if not len(hits) or hits[-1] == 0:
        return 0.0
    recall = hits / hits[-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * (hits / taken)))


def best_f1(labels: ArrayLike, scores: ArrayLike) -> tuple[float, float]:
    """Return the best F1 over all thresholds, and the score from which sentences are kept for it."""
    thresholds, hits, taken = _curve(labels, scores)
    if not len(hits) or hits[-1] == 0:
        return 0.0, 1.0
    f1 = 2 * hits / (taken + hits[-1])
    best = int(np.argmax(f1))
    return float(f1[best]), float(thresholds[best])


def f1_at(labels: ArrayLike, scores: ArrayLike, threshold: float) -> float:
    """Return the F1 of keeping every sentence that scores above ``threshold`` (strictly)."""
    y, kept = np.asarray(labels) > 0, np.asarray(scores) > threshold
    total = int(kept.sum() + y.sum())
    return float(2 * (y & kept).sum() / total) if total else 0.0


def recall_at_removed(labels: ArrayLike, scores: ArrayLike, tokens: ArrayLike, share: float) -> float:
    """Return the share of positive sentences still there when ``share`` of all tokens is removed.

    One threshold for the whole pool, as a user sets one: sentences are taken from the best score down
    while the tokens taken stay within ``1 - share`` of all. 0.0 when nothing is positive.

    Args:
        labels: 1 where a sentence answers.
        scores: Higher is kept longer; equal scores are kept in the order they come.
        tokens: Tokens of each sentence.
        share: Share of the tokens to remove, 0.0 to 1.0.
    """
    y, count = np.asarray(labels) > 0, np.asarray(tokens, dtype=np.float64)
    order = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")
    taken = np.cumsum(count[order]) <= (1 - share) * count.sum()
    return float(y[order][taken].sum() / y.sum()) if y.any() else 0.0
