"""The columns of Open Provence's and zilliz's context-relevance sets: a query and several texts a row.

``query, texts, context_spans, context_spans_relevance, labels, think_process``, and a column
``teacher_scores.<model>`` for each teacher, as in github.com/hotchpotch/open_provence,
docs/create_context_relevance_dataset.md. Each text becomes a record. ``labels`` says which text is the
positive of a retrieval set, which sentences do not need, and ``think_process`` is a reason in words: neither
is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from semantic_highlight.errors import InputError
from semantic_highlight.evaluate.formats.base import Row, get, grouped, language
from semantic_highlight.records import Record, labelled_spans, parse_record
from semantic_highlight.types import Splitter

TEACHER = "teacher_scores."


def matches(row: Row) -> bool:
    """Whether a row has several texts with spans."""
    return "texts" in row and "context_spans" in row


def parse(row: Row) -> list[Record]:
    """Return one record a text."""
    query = get(row, "query", str)
    texts, spans, relevance = (
        get(row, field, list) for field in ("texts", "context_spans", "context_spans_relevance")
    )
    if not len(texts) == len(spans) == len(relevance):
        raise InputError(
            f"fields 'texts', 'context_spans' and 'context_spans_relevance' have {len(texts)}, {len(spans)} "
            f"and {len(relevance)} entries: give one of each a text"
        )
    return [_record(row, query, index) for index in range(len(texts))]


def _record(row: Row, query: str, index: int) -> Record:
    text, spans = row["texts"][index], row["context_spans"][index]
    try:
        mask = as_mask(row["context_spans_relevance"][index], len(spans))
        return parse_record(
            {
                "id": f"{row.get('id') or query}#{index}",
                "dataset": row.get("dataset_name") or "",
                "lang": row.get("lang") or language(f"{query} {text}"),
                "query": query,
                "context": text,
                "sentence_spans": spans,
                "sentence_labels": mask,
                "answer_spans": [span for span, label in zip(spans, mask, strict=True) if label],
                "teacher_score": _teacher_score(row, index),
            }
        )
    except (InputError, TypeError) as error:
        message = str(error).replace("'sentence_spans'", "'context_spans'")
        raise InputError(f"text {index}: {message}") from error


def as_mask(relevance: Any, spans: int) -> list[int]:
    """Return one label a span from what ``context_spans_relevance`` holds.

    A list as long as the spans that has only 0 and 1 is a mask, any other holds the indices of the spans that
    answer: the rule of Open Provence's ``data_collator.py``. So ``[0, 1]`` for two spans is a mask.

    Args:
        relevance: The list.
        spans: The number of spans.

    Raises:
        InputError: If it is neither.
    """
    if not isinstance(relevance, list) or not all(type(value) in {int, bool} for value in relevance):
        raise InputError(f"the relevance of its spans is {relevance!r}: give a list of whole numbers")
    if len(relevance) == spans and set(relevance) <= {0, 1}:
        return [int(value) for value in relevance]
    if any(not 0 <= index < spans for index in relevance):
        raise InputError(
            f"the relevance of its spans is {relevance}: give {spans} flags of 0 and 1, one a span, or the "
            f"indices of spans, 0 to {spans - 1}"
        )
    return [int(index in relevance) for index in range(spans)]


def _teacher_score(row: Row, index: int) -> float | None:
    """Return the score of the only teacher; of several, or of logits, which leave [0, 1], None."""
    columns = [name for name in row if name.startswith(TEACHER) and row[name]]
    if len(columns) != 1:
        return None
    score = row[columns[0]][index]
    return score if score is not None and 0 <= score <= 1 else None


def build(records: Sequence[Record], splitter: Splitter) -> list[Row]:
    """Return one row a run of records with the same query; the relevance is always a mask."""
    return [_row(run, splitter) for run in grouped(records, lambda record: record.query)]


def _row(run: Sequence[Record], splitter: Splitter) -> Row:
    labelled = [labelled_spans(record, splitter) for record in run]
    return {
        "id": run[0].id,
        "query": run[0].query,
        "texts": [record.context for record in run],
        "context_spans": [[[span.start, span.end] for span in spans] for spans, _ in labelled],
        "context_spans_relevance": [labels for _, labels in labelled],
        "labels": [int(any(labels)) for _, labels in labelled],
    }
