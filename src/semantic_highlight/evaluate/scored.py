"""One scoring pass over labelled records, from which every metric, threshold and policy is computed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from semantic_highlight.errors import InputError, MissingExtraError
from semantic_highlight.records import Record, labelled_spans
from semantic_highlight.types import HighlightedDocument, Span

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from semantic_highlight.types import Scorer, Splitter, TokenCounter

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LabelledSentences:
    """The sentences of many records in one pool, with their labels.

    Attributes:
        documents: The records.
        spans: The sentences of each record.
        labels: ``[sentences]``, 1 where the sentence answers, else 0.
        tokens: ``[sentences]``, tokens of each.
        records: ``[sentences]``, index of the record that each is of.
        document_tokens: ``[records]``, tokens of each context, counted whole.
    """

    documents: tuple[Record, ...]
    spans: tuple[tuple[Span, ...], ...]
    labels: NDArray[np.int64]
    tokens: NDArray[np.int64]
    records: NDArray[np.int64]
    document_tokens: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ScoredSentences:
    """The sentences of many records in one pool; arrays are ``[sentences]`` unless it is said otherwise.

    Attributes:
        scores: In [0, 1].
        labels: 1 where the sentence answers, else 0.
        tokens: Tokens of each sentence.
        records: Index of the record that each sentence is of.
        seconds: ``[records]``, what scoring each record took, one record a call.
    """

    scores: NDArray[np.float64]
    labels: NDArray[np.int64]
    tokens: NDArray[np.int64]
    records: NDArray[np.int64]
    seconds: NDArray[np.float64]


def label_records(
    records: Iterable[Record], *, splitter: Splitter, counter: TokenCounter
) -> LabelledSentences:
    """Cut every record into labelled sentences and count their tokens.

    A source may label only part of its text as sentences; what lies between them is neither scored nor
    counted as a sentence.

    Raises:
        InputError: If there are no records.
    """
    documents = tuple(records)
    if not documents:
        raise InputError("there are no records to score: give at least one")
    pairs = [labelled_spans(record, splitter) for record in documents]
    return LabelledSentences(
        documents,
        tuple(tuple(spans) for spans, _ in pairs),
        np.array([label for _, labels in pairs for label in labels], dtype=np.int64),
        np.array(
            [
                counter.count(span.of(record.context))
                for record, (spans, _) in zip(documents, pairs, strict=True)
                for span in spans
            ],
            dtype=np.int64,
        ),
        np.repeat(np.arange(len(pairs)), [len(spans) for spans, _ in pairs]),
        np.array([counter.count(record.context) for record in documents], dtype=np.int64),
    )


def score_labelled(
    scorer: Scorer, sentences: LabelledSentences, *, progress: bool = False
) -> ScoredSentences:
    """Score the sentences of every record against its query, one record a call, timing each.

    The first record is scored twice: what a model does once, such as loading its weights, is no part of
    the time of a record.

    Args:
        scorer: What scores.
        sentences: What to score.
        progress: Show a bar on standard error.

    Raises:
        MissingExtraError: If a bar is asked for and tqdm is not installed.
    """
    first = sentences.documents[0]
    scorer.score(first.query, [first.context], [sentences.spans[0]])
    scores: list[float] = []
    seconds: list[float] = []
    rows = list(zip(sentences.documents, sentences.spans, strict=True))
    for record, spans in bar(rows, scorer.name, shown=progress):
        start = perf_counter()
        scores += scorer.score(record.query, [record.context], [spans])[0].sentences
        seconds.append(perf_counter() - start)
    return ScoredSentences(
        np.array(scores), sentences.labels, sentences.tokens, sentences.records, np.array(seconds)
    )


def score_records(
    scorer: Scorer, records: Sequence[Record], *, splitter: Splitter, counter: TokenCounter
) -> ScoredSentences:
    """Cut records into sentences and score them: :func:`label_records`, then :func:`score_labelled`.

    Raises:
        InputError: If there are no records.
    """
    return score_labelled(scorer, label_records(records, splitter=splitter, counter=counter))


def highlighted(sentences: LabelledSentences, scored: ScoredSentences) -> Iterator[HighlightedDocument]:
    """Yield each record as a selection policy sees it.

    Where a source left text between its sentences, it goes with the sentence before it.
    """
    bounds = np.searchsorted(scored.records, np.arange(len(sentences.documents) + 1))
    for record, spans, (start, stop) in zip(
        sentences.documents, sentences.spans, pairwise(bounds), strict=True
    ):
        values = tuple(scored.scores[start:stop].tolist())
        yield HighlightedDocument(
            record.context, _tiled(spans, len(record.context)), values, max(values, default=0.0), ""
        )


def _tiled(spans: Sequence[Span], length: int) -> tuple[Span, ...]:
    if not spans:
        return ()
    starts = [0, *(span.start for span in spans[1:]), length]
    return tuple(
        Span(start, end, span.kind) for (start, end), span in zip(pairwise(starts), spans, strict=True)
    )


def bar(items: Sequence[T], title: str, *, shown: bool) -> Iterable[T]:
    """Return the items, with a progress bar on standard error where it is asked for.

    Raises:
        MissingExtraError: If a bar is asked for and tqdm is not installed.
    """
    if not shown:
        return items
    try:
        from tqdm import tqdm
    except ModuleNotFoundError as error:
        raise MissingExtraError("tqdm", "evaluate") from error
    shown_items: Iterable[T] = tqdm(items, desc=title, unit="record", leave=False)
    return shown_items
