"""All figures of one model, policy and group of records, with their intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from semantic_highlight.evaluate.counts import ratio
from semantic_highlight.evaluate.decisions import DECIDED, Decisions, figures
from semantic_highlight.evaluate.groups import Group
from semantic_highlight.evaluate.intervals import Estimate, estimates, resampled
from semantic_highlight.evaluate.metrics import best_f1, calibration_error, calibration_gaps
from semantic_highlight.evaluate.ranking import Ranking
from semantic_highlight.evaluate.scored import ScoredSentences

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHARES = (0.5, 0.7, 0.8, 0.9)
"""Shares of the tokens removed at which recall is given."""

RANKED = (
    "average_precision",
    "best_f1",
    "recall_at_50",
    "recall_at_70",
    "recall_at_80",
    "recall_at_90",
    "calibration_error",
    "latency_median",
    "latency_p95",
    "tokens_per_second",
)
"""The figures that no policy changes, in the order in which they are computed."""


@dataclass(frozen=True, slots=True)
class Resampling:
    """How intervals are drawn.

    Attributes:
        resamples: How many; 1,000 give a 95 % interval to about a tenth of its width.
        seed: The same seed gives the same intervals.
    """

    resamples: int = 1000
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Measures:
    """The figures of one model with one policy on one group of records.

    Shares are 0.0 to 1.0. How each is defined stands in :mod:`~semantic_highlight.evaluate.counts`,
    :mod:`~semantic_highlight.evaluate.metrics` and :mod:`~semantic_highlight.evaluate.ranking`.

    Attributes:
        model: As it was named.
        policy: What chose the sentences.
        facet: What the records have in common: ``all``, ``dataset``, ``language``, ``length``, ``format``.
        group: The value of that.
        documents: Records in the group.
        unanswered: Of these, how many have no sentence that answers.
        sentences: Sentences in the group.
        best_threshold: The score from which sentences are kept for ``best_f1``, in [0, 1].
        precision: Of the kept sentences, the share that answers.
        recall: Of the sentences that answer, the share kept.
        f1: F measure of the two.
        f2: The same with recall weighing twice as much.
        tokens_removed: Share of all tokens.
        tokens_removed_without_answer: Share of the tokens of the documents without an answer.
        gold_whole: Share of the documents with an answer that keep all of it.
        average_precision: Over all thresholds.
        best_f1: At the threshold that is best on this very group, which flatters.
        recall_at_50: Recall when half of all tokens are removed, by one threshold for the group.
        recall_at_70: When 70 % are.
        recall_at_80: When 80 % are.
        recall_at_90: When 90 % are.
        calibration_error: Expected difference of a score from the share of answers at that score.
        latency_median: Seconds to score a document.
        latency_p95: Seconds that 95 % of the documents stay within.
        tokens_per_second: Tokens of the documents scored in a second.
    """

    model: str
    policy: str
    facet: str
    group: str
    documents: int
    unanswered: int
    sentences: int
    best_threshold: float
    precision: Estimate
    recall: Estimate
    f1: Estimate
    f2: Estimate
    tokens_removed: Estimate
    tokens_removed_without_answer: Estimate
    gold_whole: Estimate
    average_precision: Estimate
    best_f1: Estimate
    recall_at_50: Estimate
    recall_at_70: Estimate
    recall_at_80: Estimate
    recall_at_90: Estimate
    calibration_error: Estimate
    latency_median: Estimate
    latency_p95: Estimate
    tokens_per_second: Estimate

    def estimates(self) -> Iterator[tuple[str, Estimate]]:
        """Yield every figure with its name, in order."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Estimate):
                yield field.name, value


@dataclass(frozen=True, slots=True)
class Measured:
    """Measures, and the resamples that their intervals are of.

    Attributes:
        measures: One for each policy.
        drawn: ``[1 + resamples, figures]``: those of the first policy, in the order ``DECIDED + RANKED``.
    """

    measures: tuple[Measures, ...]
    drawn: NDArray[np.float64]


def measure(
    model: str,
    scored: ScoredSentences,
    decisions: Sequence[Decisions],
    *,
    group: Group,
    resampling: Resampling,
) -> Measured:
    """Compute all figures of one group of records.

    Args:
        model: As it is to be named.
        scored: The scored sentences of all records.
        decisions: Of one or more policies on all records.
        group: The records to measure.
        resampling: How intervals are drawn.
    """
    pool = _restricted(scored, group.records)
    counts = [policy.counts[group.records] for policy in decisions]
    _, threshold = best_f1(pool.labels, pool.scores)
    ranked = _RankedFigures.of(pool, threshold)

    def statistics(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.concatenate([*(figures(weights @ count) for count in counts), ranked(weights)], axis=1)

    drawn = resampled(
        statistics,
        len(group.records),
        resamples=resampling.resamples,
        seed=resampling.seed,
        width=len(pool.labels),
    )
    found = estimates(drawn)
    rest: dict[str, Any] = dict(zip(RANKED, found[len(counts) * len(DECIDED) :], strict=True))
    rest["documents"], rest["sentences"] = len(group.records), len(pool.labels)
    rest["unanswered"] = len(group.records) - int(counts[0][:, -1].sum())
    decided: list[dict[str, Any]] = [
        dict(zip(DECIDED, found[i * len(DECIDED) :], strict=False)) for i in range(len(counts))
    ]
    rows = (
        Measures(
            model=model,
            policy=policy.policy,
            facet=group.facet,
            group=group.name,
            best_threshold=threshold,
            **rest,
            **some,
        )
        for policy, some in zip(decisions, decided, strict=True)
    )
    first = np.r_[0 : len(DECIDED), drawn.shape[1] - len(RANKED) : drawn.shape[1]]
    return Measured(tuple(rows), drawn[:, first])


def _restricted(scored: ScoredSentences, records: NDArray[np.intp]) -> ScoredSentences:
    """Return the sentences of some records, which are numbered anew."""
    place = np.full(len(scored.seconds), -1)
    place[records] = np.arange(len(records))
    chosen = place[scored.records] >= 0
    return ScoredSentences(
        scored.scores[chosen],
        scored.labels[chosen],
        scored.tokens[chosen],
        place[scored.records[chosen]],
        scored.seconds[records],
    )


@dataclass(frozen=True, slots=True)
class _RankedFigures:
    """The figures of ``RANKED`` as a function of how often each document counts."""

    ranking: Ranking
    threshold: float
    gaps: NDArray[np.float64]
    seconds: NDArray[np.float64]
    tokens: NDArray[np.float64]

    @classmethod
    def of(cls, pool: ScoredSentences, threshold: float) -> _RankedFigures:
        size = len(pool.seconds)
        return cls(
            Ranking.of(pool.labels, pool.scores, pool.tokens, pool.records),
            threshold,
            calibration_gaps(pool.labels, pool.scores, pool.records, size),
            pool.seconds,
            np.bincount(pool.records, weights=pool.tokens, minlength=size).astype(np.float64),
        )

    def __call__(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        ranking = self.ranking
        columns = [
            ranking.average_precision(weights),
            ranking.f1_from(weights, self.threshold),
            *ranking.recall_at_removed(weights, SHARES).T,
            calibration_error(weights @ self.gaps),
            *_quantiles(self.seconds, weights, (0.5, 0.95)).T,
            ratio(weights @ self.tokens, weights @ self.seconds),
        ]
        return np.stack(columns, axis=1)


def _quantiles(
    values: NDArray[np.float64], weights: NDArray[np.float64], levels: Sequence[float]
) -> NDArray[np.float64]:
    """Return the smallest values that at least these shares of the weight do not exceed."""
    order = np.argsort(values, kind="stable")
    running = np.cumsum(weights[:, order], axis=1)
    # Without the billionth, 0.95 x 20 would be more than 19.
    wanted = running[:, -1:] * (np.asarray(levels) - 1e-9)
    places = [np.searchsorted(row, want) for row, want in zip(running, wanted, strict=True)]
    found: NDArray[np.float64] = values[order][np.array(places)]
    return found
