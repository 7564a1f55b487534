"""One scoring pass over labelled records; every metric and threshold is computed from what it returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from semantic_highlight.errors import InputError
from semantic_highlight.records import Record, labelled_spans

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from semantic_highlight.types import Scorer, Splitter, TokenCounter


@dataclass(frozen=True, slots=True)
class ScoredSentences:
    """The sentences of many records in one pool; all arrays are ``[sentences]``.

    Attributes:
        scores: In [0, 1].
        labels: 1 where the sentence answers, else 0.
        tokens: Tokens of each sentence.
        records: Index of the record that each sentence is of.
    """

    scores: NDArray[np.float64]
    labels: NDArray[np.int64]
    tokens: NDArray[np.int64]
    records: NDArray[np.int64]


def score_records(
    scorer: Scorer, records: Sequence[Record], *, splitter: Splitter, counter: TokenCounter
) -> ScoredSentences:
    """Score the sentences of every record against its query.

    A source may label only part of its text as sentences; what lies between them is not scored.

    Raises:
        InputError: If there are no records.
    """
    if not records:
        raise InputError("there are no records to score: give at least one")
    scores: list[float] = []
    labels: list[int] = []
    tokens: list[int] = []
    owners: list[int] = []
    for index, record in enumerate(records):
        spans, targets = labelled_spans(record, splitter)
        scores += scorer.score(record.query, [record.context], [spans])[0].sentences
        labels += targets
        tokens += [counter.count(span.of(record.context)) for span in spans]
        owners += [index] * len(spans)
    return ScoredSentences(np.array(scores), np.array(labels), np.array(tokens), np.array(owners))
