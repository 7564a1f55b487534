"""Fit the highest threshold that keeps a promised share of the gold sentences, whatever model scores them.

The promise. Draw one gold sentence for each of a batch of new queries that have an answer. At least
``recall`` of them score above the threshold, with a probability of at least ``confidence`` over the draw of
the labelled and the new queries. It holds for batches of a third as many queries as were labelled up to as
many, so that who checks it on held-out data finds it kept; and in the long run, where it says that the
expected recall of a query is at least ``recall``. Nothing is assumed about the model or the data but that
new queries come as the labelled ones did (exchangeable): a threshold fitted to news says nothing about
contracts.

The unit is the query. Sentences of a document, and documents of a query, are not independent, so each
query counts by one of its gold sentences, drawn by a hash of the query and so the same every time. Queries
without an answer do not count.

The method is learn-then-test (Angelopoulos et al. 2021, arXiv 2110.01052) with fixed-sequence testing from
the lowest threshold upwards: at each, the hypothesis that a batch loses too many is rejected at level
``1 - confidence``, and the last threshold before the first failure is returned. The p-value is exact. Where
the labelled queries lose ``k`` and the batch may lose ``c``, the batch loses more only if, of all queries in
the order in which a rising threshold loses them, at most ``k`` of the first ``k + c + 1`` are labelled ones;
and that order is a random one. This is a hypergeometric probability (Marques 2023, arXiv 2303.02770), and a
binomial one in the long run, where the method gives a tolerance limit (Hulsman 2022, arXiv 2210.14735).
Conformal risk control (Angelopoulos et al. 2022, arXiv 2208.02814) promises the mean over calibrations
instead, and no confidence.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from semantic_highlight.calibration import Calibration
from semantic_highlight.errors import InputError
from semantic_highlight.records import Record, labelled_spans

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from semantic_highlight.types import Scorer, Splitter

METHOD = "learn-then-test, one gold sentence a query, exact for batches of a third as many up to as many"

SMALLEST_BATCH = 3
"""The promise holds for batches from the labelled number divided by this. Who checks it takes a smaller
sample than was labelled; and that margin covers larger ones by other counts of recall too, as pooled."""

STEPS = 1_000_000
"""Thresholds are rounded down to so many steps from 0 to 1: engines differ by about 1e-7 between machines."""


def calibrate(
    scorer: Scorer, records: Iterable[Record], *, splitter: Splitter, recall: float, confidence: float
) -> Calibration:
    """Return the highest threshold that keeps the promise of this module, fitted to labelled records.

    Args:
        scorer: The model.
        records: Labelled examples; those with the same query count as one.
        splitter: What cuts texts into sentences, where a record does not bring its own.
        recall: The share of gold sentences to keep, between 0.0 and 1.0.
        confidence: The probability with which the promise is kept, between 0.0 and 1.0.

    Raises:
        InputError: If there are too few queries with an answer for any threshold, or no threshold keeps the
            promise because too many gold sentences score 0.
    """
    by_query: dict[str, list[float]] = {}
    for record in records:
        if scores := gold_scores(scorer, record, splitter=splitter):
            by_query.setdefault(record.query, []).extend(scores)
    drawn = [draw(query, scores) for query, scores in by_query.items()]
    return Calibration(
        model=scorer.name,
        threshold=certified_threshold(drawn, recall=recall, confidence=confidence),
        recall=recall,
        confidence=confidence,
        queries=len(drawn),
        sentences=sum(map(len, by_query.values())),
        method=METHOD,
    )


def gold_scores(scorer: Scorer, record: Record, *, splitter: Splitter) -> list[float]:
    """Return the scores of the sentences of a record that answer; none where none does."""
    spans, labels = labelled_spans(record, splitter)
    if not any(labels):
        return []
    (scores,) = scorer.score(record.query, [record.context], [spans])
    return [float(score) for score, label in zip(scores.sentences, labels, strict=True) if label]


def draw(query: str, scores: Sequence[float]) -> float:
    """Return the score of one gold sentence of a query: any with equal chance, and always the same."""
    digest = hashlib.sha256(query.encode("utf-8", "surrogatepass")).digest()
    return scores[int.from_bytes(digest[:8], "big") % len(scores)]


def certified_threshold(scores: Sequence[float], *, recall: float, confidence: float) -> float:
    """Return the highest threshold that keeps the promise, rounded down to 6 decimals.

    Args:
        scores: Of one gold sentence a query, each in [0, 1].
        recall: The share of gold sentences to keep, between 0.0 and 1.0.
        confidence: The probability with which the promise is kept, between 0.0 and 1.0.

    Raises:
        InputError: If there are too few scores for any threshold, or too many of them are 0.
    """
    losses = allowed_losses(len(scores), recall=recall, confidence=confidence)
    if losses < 0:
        raise InputError(
            f"{len(scores)} queries with an answer cannot promise a recall of {recall:g} with a confidence "
            f"of {confidence:g}: {queries_needed(recall=recall, confidence=confidence)} are needed; label "
            "more, or ask for less"
        )
    first_lost = sorted(scores)[losses]
    if first_lost <= 0:
        zeros = sum(score <= 0 for score in scores)
        raise InputError(
            f"{zeros} of {len(scores)} drawn gold sentences score 0 and {losses} may be lost: not even "
            f"threshold 0 promises a recall of {recall:g} with a confidence of {confidence:g}; use another "
            "model, or ask for less"
        )
    steps = math.ceil(round(first_lost * STEPS, 3)) - 1  # the sentence must score above it, strictly
    return max(steps, 0) / STEPS


def queries_needed(*, recall: float, confidence: float) -> int:
    """Return the smallest number of labelled queries with an answer for which there is a threshold at all.

    Args:
        recall: The share of gold sentences to keep, between 0.0 and 1.0.
        confidence: The probability with which the promise is kept, between 0.0 and 1.0.
    """
    _check(recall, confidence)
    # Fewer cannot do: recall**queries is the p-value in the long run alone.
    queries = max(1, math.floor(math.log(1 - confidence) / math.log(recall)))
    while not _rejected(0, queries, recall, confidence):
        queries += 1
    return queries


def allowed_losses(queries: int, *, recall: float, confidence: float) -> int:
    """Return how many of the labelled queries may lose their gold sentence; -1 where there are too few.

    Args:
        queries: The number of labelled queries with an answer.
        recall: The share of gold sentences to keep, between 0.0 and 1.0.
        confidence: The probability with which the promise is kept, between 0.0 and 1.0.

    Raises:
        InputError: If recall or confidence is out of its range.
    """
    _check(recall, confidence)
    allowed, beyond = -1, queries
    while beyond - allowed > 1:
        losses = (allowed + beyond) // 2
        if _rejected(losses, queries, recall, confidence):
            allowed = losses
        else:
            beyond = losses
    return allowed


def _check(recall: float, confidence: float) -> None:
    for name, value in (("recall", recall), ("confidence", confidence)):
        if not 0 < value < 1:
            raise InputError(f"{name} is {value!r}: give a number between 0 and 1, as 0.95")


def _rejected(losses: int, queries: int, recall: float, confidence: float) -> bool:
    """Return whether the hypothesis that a batch loses too many is rejected where ``losses`` are lost."""
    return p_value(losses, queries, 1 - recall) <= 1 - confidence + 1e-12  # 1 - 0.9 is 0.09999999999999998


def p_value(losses: int, queries: int, share: float) -> float:
    """Return the probability that a batch loses more than it may, for the batch size where it is highest.

    Args:
        losses: How many of the labelled queries are lost, below ``queries``.
        queries: How many are labelled.
        share: The share of a batch that may be lost.
    """
    log_factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, 2 * queries + 1)))])
    lost = np.arange(losses + 1)

    def log_choose(n: int, k: NDArray[np.int64]) -> NDArray[np.float64]:
        chosen: NDArray[np.float64] = log_factorials[n] - log_factorials[k] - log_factorials[n - k]
        return chosen

    ways = log_choose(queries, lost)
    worst = float(np.exp(ways + lost * math.log(share) + (queries - lost) * math.log1p(-share)).sum())
    for batch in range(math.ceil(queries / SMALLEST_BATCH), queries + 1):
        may_lose = _floor(batch * share)
        if batch < queries and _floor((batch + 1) * share) == may_lose:
            continue  # one more query that must be kept makes the promise harder
        first = losses + may_lose + 1
        fits = lost[first - lost <= batch]
        total = log_choose(queries + batch, np.array([first]))
        worst = max(worst, float(np.exp(ways[fits] + log_choose(batch, first - fits) - total).sum()))
    return worst


def _floor(value: float) -> int:
    return math.floor(round(value, 9))  # 100 * (1 - 0.95) is 5.000000000000004, and 100 * (1 - 0.9) below 10
