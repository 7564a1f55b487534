"""Bootstrap intervals: how far a figure would move had other documents been drawn.

Documents are resampled with replacement, whole, because the sentences of one document are not independent
(cluster bootstrap; Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapters 6, 8 and 13).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from semantic_highlight.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

CONFIDENCE = 0.95
"""What share of such intervals holds the figure of the population, if the documents are a sample of it."""

_BLOCK = 100_000  # numbers that a block of resamples may have, 0.8 MB: larger ones leave the cache


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its 95 % interval.

    Attributes:
        value: The figure over all documents; NaN where there was nothing to measure.
        low: 2.5th percentile of the figure over the resamples.
        high: 97.5th percentile.
    """

    value: float
    low: float
    high: float


def resampled(
    statistics: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    documents: int,
    *,
    resamples: int,
    seed: int,
    width: int = 1,
) -> NDArray[np.float64]:
    """Compute statistics over the documents as they are and over bootstrap resamples of them.

    The same number of documents and the same seed give the same resamples, so that the difference of two
    results is that of a paired bootstrap.

    Args:
        statistics: From ``weights``, how often each document counts, ``[weightings, documents]``, to
            ``[weightings, figures]``.
        documents: How many documents there are, at least 1.
        resamples: How many resamples to draw, at least 1.
        seed: Of the resamples.
        width: Numbers that ``statistics`` holds for every weighting, for example sentences.

    Returns:
        ``[1 + resamples, figures]``: the figures of all documents, then those of the resamples.

    Raises:
        InputError: If there is no document or no resample.
    """
    if documents < 1 or resamples < 1:
        raise InputError(f"{documents} documents and {resamples} resamples: give at least one of each")
    generator = np.random.default_rng(seed)
    rows = max(1, _BLOCK // max(documents, width))
    blocks = (min(rows, resamples - first) for first in range(0, resamples, rows))
    drawn = (statistics(_draw(generator, block, documents)) for block in blocks)
    return np.concatenate([statistics(np.ones((1, documents))), *drawn])


def _draw(generator: np.random.Generator, rows: int, documents: int) -> NDArray[np.float64]:
    """Return how often each document is drawn in each of so many resamples."""
    drawn = generator.integers(0, documents, (rows, documents))
    flat = (drawn + documents * np.arange(rows)[:, None]).ravel()
    return np.bincount(flat, minlength=rows * documents).reshape(rows, documents).astype(np.float64)


def estimates(found: NDArray[np.float64]) -> list[Estimate]:
    """Return the percentile interval of every figure that :func:`resampled` computed.

    Resamples in which there was nothing to measure are left out.
    """
    return [_estimate(column) for column in found.T]


def _estimate(column: NDArray[np.float64]) -> Estimate:
    value, drawn = float(column[0]), column[1:][np.isfinite(column[1:])]
    if not len(drawn) or np.isnan(value):
        return Estimate(value, float("nan"), float("nan"))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Estimate(value, float(low), float(high))


def p_value(differences: NDArray[np.float64]) -> float:
    """Return the two-sided p-value of a paired bootstrap test that a difference is not 0.

    Twice the smaller share of resamples in which the difference lies on either side of 0, each share with
    one resample added so that it is never 0 (Efron and Tibshirani, 1993, chapter 16; for measures of text,
    Koehn, Statistical Significance Tests for Machine Translation Evaluation, EMNLP 2004). NaN where there
    was nothing to compare.

    Args:
        differences: Of the resamples, paired: both figures over the same documents.
    """
    drawn = differences[np.isfinite(differences)]
    if not len(drawn):
        return float("nan")
    below, above = (np.count_nonzero(side) + 1 for side in (drawn <= 0, drawn >= 0))
    return float(min(1.0, 2 * min(below, above) / (len(drawn) + 1)))
