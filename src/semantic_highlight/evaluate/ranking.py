"""What a ranking of sentences is worth at every threshold at once, for any weighting of the documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from semantic_highlight.evaluate.counts import f_beta, ratio

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class Ranking:
    """The sentences of many documents, best score first, sorted once for all weightings.

    Every method takes ``weights``, how often each document counts, ``[weightings, documents]``: ones for
    the set as it is, bootstrap counts for its resamples. The order of equal scores changes nothing.

    Attributes:
        owners: The document that each sentence is of.
        tokens: Tokens of each sentence.
        ends: The place of the last sentence of each distinct score.
        thresholds: The distinct scores, descending.
        positives: The documents of the sentences that answer, best first.
        found: How many sentences that answer stand at or before each of ``ends``.
    """

    owners: NDArray[np.intp]
    tokens: NDArray[np.float64]
    ends: NDArray[np.intp]
    thresholds: NDArray[np.float64]
    positives: NDArray[np.intp]
    found: NDArray[np.intp]

    @classmethod
    def of(cls, labels: ArrayLike, scores: ArrayLike, tokens: ArrayLike, owners: ArrayLike) -> Ranking:
        """Sort sentences by score.

        Args:
            labels: 1 where a sentence answers, else 0.
            scores: Higher is kept longer.
            tokens: Tokens of each sentence.
            owners: The document that each sentence is of, from 0.
        """
        s = np.asarray(scores, dtype=np.float64)
        order = np.argsort(-s, kind="stable")
        s, gold = s[order], np.flatnonzero(np.asarray(labels)[order] > 0)
        ends = np.r_[np.flatnonzero(np.diff(s)), len(s) - 1] if len(s) else np.zeros(0, dtype=np.intp)
        owner = np.asarray(owners, dtype=np.intp)[order]
        count = np.asarray(tokens, dtype=np.float64)[order]
        return cls(owner, count, ends, s[ends], owner[gold], np.searchsorted(gold, ends, side="right"))

    def hits(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sentences that answer among those at or above each threshold."""
        return _running(weights[:, self.positives])[:, self.found]

    def taken(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sentences at or above each threshold."""
        taken: NDArray[np.float64] = np.cumsum(weights[:, self.owners], axis=1)[:, self.ends]
        return taken

    def average_precision(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the average precision: the sum of precision weighted by the gain in recall.

        The definition of scikit-learn's ``average_precision_score``. NaN where nothing is positive.
        """
        gains = np.flatnonzero(np.diff(self.found, prepend=0))  # the others add nothing
        hits = _running(weights[:, self.positives])[:, np.r_[0, self.found[gains]]]
        taken = np.cumsum(weights[:, self.owners], axis=1)[:, self.ends[gains]]
        precision = hits[:, 1:] / np.maximum(taken, 1e-300)  # 0 / 0 where a resample holds none of them
        return ratio(np.sum(np.diff(hits, axis=1) * precision, axis=1), hits[:, -1])

    def f1_from(self, weights: NDArray[np.float64], threshold: float) -> NDArray[np.float64]:
        """Return the F1 of keeping what scores ``threshold`` or more. NaN where nothing is positive.

        Args:
            weights: How often each document counts.
            threshold: In [0, 1].
        """
        at = np.searchsorted(-self.thresholds, -threshold, side="right")
        last, found = (self.ends[at - 1] + 1, self.found[at - 1]) if at else (0, 0)
        hits = _weight(weights, self.positives[:found])
        return f_beta(hits, _weight(weights, self.owners[:last]), _weight(weights, self.positives), beta=1.0)

    def recall_at_removed(self, weights: NDArray[np.float64], shares: Sequence[float]) -> NDArray[np.float64]:
        """Return the recall that is left when these shares of all tokens are removed.

        One threshold for all documents together, as a user sets one; linear between two neighbouring
        thresholds, so that of sentences with equal scores the share that fits is kept. NaN where nothing is
        positive.

        Args:
            weights: How often each document counts.
            shares: Shares of tokens to remove, 0.0 to 1.0.

        Returns:
            ``[weightings, shares]``.
        """
        kept, hits = _running(weights[:, self.owners] * self.tokens), _running(weights[:, self.positives])
        budgets = kept[:, -1:] * (1 - np.asarray(shares))
        fitting = [np.searchsorted(row, want, side="right") for row, want in zip(kept, budgets, strict=True)]
        sizes, found = np.r_[0, self.ends + 1], np.r_[0, self.found]
        above = np.searchsorted(sizes, np.array(fitting) - 1, side="right") - 1
        below = np.minimum(above + 1, len(self.ends))
        least, most = (np.take_along_axis(kept, sizes[place], axis=1) for place in (above, below))
        part = np.divide(budgets - least, most - least, out=np.zeros_like(budgets), where=most > least)
        fewest, all_of = (np.take_along_axis(hits, found[place], axis=1) for place in (above, below))
        return ratio(fewest + part * (all_of - fewest), hits[:, -1:])


def _running(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sums of the first 0, 1, 2, ... columns."""
    sums = np.zeros((values.shape[0], values.shape[1] + 1))
    np.cumsum(values, axis=1, out=sums[:, 1:])
    return sums


def _weight(weights: NDArray[np.float64], documents: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the weight of sentences of these documents together."""
    return weights @ np.bincount(documents, minlength=weights.shape[1])
