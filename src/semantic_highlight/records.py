"""The labelled example: the one JSONL format that annotate, train, evaluate and calibrate share.

One JSON object a line, plain or gzip'ed::

    {"id": "...", "dataset": "...", "lang": "en", "query": "...", "context": "...", "title": null,
     "answer_spans": [[start, end], ...],      code points of context, end exclusive; [] = not answered
     "sentence_spans": [[s, e], ...] or null,  where the source labels sentences itself
     "sentence_labels": [0 | 1, ...] or null,
     "teacher_score": 0.0 to 1.0 or null}      how relevant a ranking model finds the context; may be left out
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

from semantic_highlight.errors import InputError
from semantic_highlight.types import Span, Splitter

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
        teacher_score: How relevant a ranking model finds the context, in [0, 1], or None.
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
    teacher_score: float | None = None


def read_records(path: Path) -> Iterator[Record]:
    """Read the records of a ``.jsonl`` or ``.jsonl.gz`` file, each checked.

    Raises:
        InputError: If the file or a line of it cannot be used; the message names file, line and field.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; give a .jsonl or .jsonl.gz file of records")
    opener = gzip.open if path.suffix == ".gz" else open
    number = 0
    try:
        with opener(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                number += 1
                if line.strip():
                    yield parse_record(json.loads(line))
    except json.JSONDecodeError as error:
        raise InputError(f"{path}, line {number}: this is no JSON: {error}") from error
    except InputError as error:
        raise InputError(f"{path}, line {number}: {error}") from error
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise InputError(f"{path}, after line {number}: the file cannot be read on: {error}") from error


def parse_record(row: Any) -> Record:
    """Check one decoded JSON object and return it as a record.

    Raises:
        InputError: Names the field, what came and what is allowed.
    """
    if not isinstance(row, dict):
        raise InputError(f"a record is a JSON object, not {type(row).__name__}")
    if "segments" in row:
        row = row | _from_segments(row["segments"])
    query, context = (_text(row, field) for field in ("query", "context"))
    sentence_spans = row.get("sentence_spans")
    spans = None if sentence_spans is None else _spans(sentence_spans, "sentence_spans", len(context))
    if spans and any(one[1] > other[0] for one, other in pairwise(spans)):
        raise InputError("field 'sentence_spans' is not in order: give sentences as they stand, apart")
    title = row.get("title")
    if title is not None and not isinstance(title, str):
        raise InputError(f"field 'title' is {title!r}: give a text or null")
    return Record(
        id=str(row.get("id", "")),
        dataset=str(row.get("dataset", "")),
        lang=str(row.get("lang", "")),
        query=query,
        context=context,
        title=title,
        answer_spans=_spans(row.get("answer_spans", []), "answer_spans", len(context)),
        sentence_spans=spans,
        sentence_labels=_labels(row.get("sentence_labels"), spans),
        teacher_score=_share(row.get("teacher_score"), "teacher_score"),
    )


def _from_segments(segments: Any) -> dict[str, Any]:
    """Return the fields that a list of labelled segments stands for."""
    try:
        texts = [segment["text"] for segment in segments]
        labels = [segment["label"] for segment in segments]
        ends = list(accumulate(map(len, texts)))
        spans = [[end - len(text), end] for text, end in zip(texts, ends, strict=True)]
        context = "".join(texts)
    except (TypeError, KeyError) as error:
        raise InputError("field 'segments' is no list of objects with 'text' and 'label'") from error
    answers = [span for span, label in zip(spans, labels, strict=True) if label]
    return {"context": context, "sentence_spans": spans, "sentence_labels": labels, "answer_spans": answers}


def _text(row: dict[str, Any], field: str) -> str:
    if field not in row:
        raise InputError(f"field {field!r} is missing: give a text that is not blank")
    value = row[field]
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"field {field!r} is {value!r}: give a text that is not blank")
    return value


def _spans(value: Any, field: str, length: int) -> tuple[SpanPair, ...]:
    if not isinstance(value, list) or not all(_is_pair(pair) for pair in value):
        raise InputError(f"field {field!r} is {value!r}: give a list of [start, end] pairs of whole numbers")
    for start, end in value:
        if not 0 <= start < end <= length:
            raise InputError(f"field {field!r} has [{start}, {end}]: allowed is 0 <= start < end <= {length}")
    return tuple((start, end) for start, end in value)


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(type(number) is int for number in value)


def _labels(value: Any, spans: tuple[SpanPair, ...] | None) -> tuple[int, ...] | None:
    if value is None:
        return None
    if spans is None:
        raise InputError("field 'sentence_labels' has nothing to label: give 'sentence_spans' too")
    if not isinstance(value, list) or not all(type(label) is int and label in {0, 1} for label in value):
        raise InputError(f"field 'sentence_labels' is {value!r}: give a list of 0 and 1")
    if len(value) != len(spans):
        raise InputError(f"field 'sentence_labels' has {len(value)} labels: give {len(spans)}, one a span")
    return tuple(value)


def _share(value: Any, field: str) -> float | None:
    if value is None:
        return None
    if type(value) not in {int, float} or not 0 <= value <= 1:
        raise InputError(f"field {field!r} is {value!r}: give a number from 0 to 1, or null")
    return float(value)


def sentence_targets(
    answer_spans: tuple[SpanPair, ...], sentences: list[SpanPair] | tuple[SpanPair, ...]
) -> list[int]:
    """Label each sentence 1 when an answer span touches it, else 0."""
    return [int(any(a < end and b > start for a, b in answer_spans)) for start, end in sentences]


def labelled_spans(record: Record, splitter: Splitter) -> tuple[list[Span], list[int]]:
    """Return the sentences of a record and their labels.

    The source's own sentences and labels where it has them; else the splitter's sentences, of which one
    is positive when an answer span touches it.
    """
    if record.sentence_spans is None or record.sentence_labels is None:
        spans = splitter(record.context)
        pairs = [(span.start, span.end) for span in spans]
        return spans, sentence_targets(record.answer_spans, pairs)
    return [Span(start, end) for start, end in record.sentence_spans], list(record.sentence_labels)
