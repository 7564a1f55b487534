"""The labelled example: the one JSONL format that annotate, train, evaluate and calibrate share.

One JSON object a line, plain or gzip'ed::

    {"id": "...", "dataset": "...", "lang": "en", "query": "...", "context": "...", "title": null,
     "answer_spans": [[start, end], ...],      code-point offsets into context, end exclusive; [] = not answered
     "sentence_spans": [[s, e], ...] or null,  where the source labels sentences itself
     "sentence_labels": [0 | 1, ...] or null}
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semantic_highlight.errors import InputError

SpanPair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Record:
    """A query, a context, and what of the context answers the query.

    Attributes:
        id: Unique within its file.
        dataset: Where it comes from.
        lang: ``en`` or ``zh``.
        query: The question.
        context: The document.
        title: Title of the document; groups contexts of one document.
        answer_spans: Ranges of ``context`` that answer; empty when nothing does.
        sentence_spans: The source's own sentences, or None.
        sentence_labels: 1 for a sentence that answers, one for each of ``sentence_spans``, or None.
    """

    id: str
    dataset: str
    lang: str
    query: str
    context: str
    title: str | None
    answer_spans: tuple[SpanPair, ...]
    sentence_spans: tuple[SpanPair, ...] | None
    sentence_labels: tuple[int, ...] | None


def read_records(path: Path) -> Iterator[Record]:
    """Read the records of a ``.jsonl`` or ``.jsonl.gz`` file, each checked.

    Raises:
        InputError: If the file or a line of it cannot be used; the message names file, line and field.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; give a .jsonl or .jsonl.gz file of records")
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                yield parse_record(json.loads(line))
            except (InputError, json.JSONDecodeError) as error:
                raise InputError(f"{path}, line {number}: {error}") from error


def parse_record(row: Any) -> Record:
    """Check one decoded JSON object and return it as a record.

    Raises:
        InputError: Names the field, what came and what is allowed.
    """
    if not isinstance(row, dict):
        raise InputError(f"a record is a JSON object, not {type(row).__name__}")
    query, context = (_text(row, field) for field in ("query", "context"))
    sentence_spans = row.get("sentence_spans")
    spans = None if sentence_spans is None else _spans(sentence_spans, "sentence_spans", len(context))
    return Record(
        id=str(row.get("id", "")),
        dataset=str(row.get("dataset", "")),
        lang=str(row.get("lang", "")),
        query=query,
        context=context,
        title=row.get("title"),
        answer_spans=_spans(row.get("answer_spans", []), "answer_spans", len(context)),
        sentence_spans=spans,
        sentence_labels=_labels(row.get("sentence_labels"), spans),
    )


def _text(row: dict[str, Any], field: str) -> str:
    value = row.get(field)
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"field {field!r} is {value!r}: give a text that is not blank")
    return value


def _spans(value: Any, field: str, length: int) -> tuple[SpanPair, ...]:
    try:
        spans = tuple((int(start), int(end)) for start, end in value)
    except (TypeError, ValueError) as error:
        raise InputError(f"field {field!r} is {value!r}: give a list of [start, end] pairs") from error
    for start, end in spans:
        if not 0 <= start < end <= length:
            raise InputError(f"field {field!r} has [{start}, {end}]: allowed is 0 <= start < end <= {length}")
    return spans


def _labels(value: Any, spans: tuple[SpanPair, ...] | None) -> tuple[int, ...] | None:
    if value is None:
        return None
    if spans is None or len(value) != len(spans):
        expected = "sentence_spans first" if spans is None else f"{len(spans)} labels, one a span"
        raise InputError(f"field 'sentence_labels' has {len(value)} labels: give {expected}")
    if any(label not in {0, 1} for label in value):
        raise InputError(f"field 'sentence_labels' is {value!r}: a label is 0 or 1")
    return tuple(int(label) for label in value)


def sentence_targets(
    answer_spans: tuple[SpanPair, ...], sentences: list[SpanPair] | tuple[SpanPair, ...]
) -> list[int]:
    """Label each sentence 1 when an answer span touches it, else 0."""
    return [int(any(a < end and b > start for a, b in answer_spans)) for start, end in sentences]
