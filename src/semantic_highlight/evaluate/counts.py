"""The metrics of a decision, from counts that may be summed over any documents.

A sentence is positive where it is labelled as answering the query, kept where a policy keeps it, and a hit
where both are so. Counts are summed over documents before they are divided (micro average), so that a long
document weighs more than a short one. Every function takes numbers or arrays of them, for example one for
each resample of the documents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def ratio(part: ArrayLike, whole: ArrayLike) -> NDArray[np.float64]:
    """Return ``part / whole``, NaN where ``whole`` is 0: nothing to measure is not a measurement of 0."""
    p, w = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    shares: NDArray[np.float64] = np.full(np.broadcast(p, w).shape, np.nan)
    return np.divide(p, w, out=shares, where=w > 0)


def precision(hits: ArrayLike, kept: ArrayLike) -> NDArray[np.float64]:
    """Return the share of the kept sentences that are positive. NaN where nothing is kept."""
    return ratio(hits, kept)


def recall(hits: ArrayLike, positive: ArrayLike) -> NDArray[np.float64]:
    """Return the share of the positive sentences that are kept. NaN where nothing is positive."""
    return ratio(hits, positive)


def f_beta(hits: ArrayLike, kept: ArrayLike, positive: ArrayLike, *, beta: float) -> NDArray[np.float64]:
    """Return the F measure, where recall weighs ``beta`` times as much as precision.

    ``(1 + beta^2) P R / (beta^2 P + R)``, which is ``(1 + beta^2) hits / (beta^2 positive + kept)``
    (van Rijsbergen, Information Retrieval, 2nd ed. 1979, chapter 7). F1 is what zilliz reports, F2 what
    Open Provence does. NaN where nothing is positive, else 0.0 where nothing is hit.

    Args:
        hits: Sentences that are kept and positive.
        kept: Sentences that are kept.
        positive: Sentences that are positive.
        beta: Above 0.
    """
    b, positive = beta * beta, np.asarray(positive, dtype=np.float64)
    value = ratio((1 + b) * np.asarray(hits), b * positive + np.asarray(kept))
    return np.where(positive > 0, value, np.nan)


def tokens_removed(before: ArrayLike, after: ArrayLike) -> NDArray[np.float64]:
    """Return the share of tokens removed, 0.0 to 1.0: ``1 - after / before``.

    Tokens of whole texts, before and after pruning, summed over the documents: the package's
    ``compression_rate``. Open Provence and Provence give the percentage of *characters* removed, as the
    mean over documents.
    """
    return 1 - ratio(after, before)


def gold_whole(whole: ArrayLike, answerable: ArrayLike) -> NDArray[np.float64]:
    """Return the share of the documents with an answer whose positive sentences are all kept.

    A sentence that the assembly brings along, as a table's header with its row, is kept. What "Has Answer"
    of Open Provence's MLDR report asks an LLM to judge, judged by the labels.
    """
    return ratio(whole, answerable)
