"""The labelled example: the one JSONL format that train, evaluate and calibrate share.

One JSON object a line, plain or gzip'ed::

    {"id": "...", "dataset": "...", "lang": "en", "query": "...", "context": "...", "title": null,
     "answer_spans": [[start, end], ...],      code points of context, end exclusive; [] = not answered
     "sentence_spans": [[s, e], ...] or null,  where the source labels sentences itself
     "sentence_labels": [0 | 1, ...] or null,
     "teacher_score": 0.0 to 1.0 or null,      how relevant a ranking model finds the context; may be left out
     "format": "markdown" or null}             what kind of document it is; may be left out

Documents labelled piece by piece have ``"segments": [{"text": "...", "label": 0 | 1}, ...]`` instead of the
context and the spans; the texts joined are the context. A file holds one of the two.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
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
        format: What kind of document it is, for example ``markdown``, or None.
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
    format: str | None = None


OnBad = Callable[[InputError], None]
"""Is told of a record that is left out; the message names file, line and field."""


def read_records(path: Path, *, on_bad: OnBad | None = None) -> Iterator[Record]:
    """Read the records of a ``.jsonl`` or ``.jsonl.gz`` file, each checked.

    Args:
        path: The file.
        on_bad: Is called for every record that cannot be used, which is left out then; where None the
            first one raises. To count them: ``bad = []; read_records(path, on_bad=bad.append)``.

    Raises:
        InputError: If the file or a line of it cannot be used, or nothing is left; the message names file,
            line and field.
    """
    first: str | None = None
    good = bad = 0
    for number, line in read_lines(path):
        try:
            row = decode_line(line)
            first = first or _schema(row)
            _check_schema(row, first)
            record = parse_record(row)
        except InputError as error:
            located = InputError(f"{path}, line {number}: {error}")
            if on_bad is None:
                raise located from error
            on_bad(located)
            bad += 1
        else:
            good += 1
            yield record
    if not good:
        left_out = f", and {bad} that cannot be used" if bad else ""
        raise InputError(f"{path} has no records{left_out}: give at least one, a JSON object a line")


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a file, plain or gzip'ed, that are not blank, with their numbers from 1.

    Raises:
        InputError: If the file cannot be read.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; give a .jsonl or .jsonl.gz file of records")
    opener = gzip.open if path.suffix == ".gz" else open
    number = 0
    try:
        with opener(path, "rb") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield number, line
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}, after line {number}: the file cannot be read on: {error}") from error


def decode_line(line: bytes) -> Any:
    """Return what a line of JSON holds.

    Raises:
        InputError: If it is not UTF-8 or no JSON.
    """
    try:
        return json.loads(line.decode("utf-8-sig"))  # the mark that Windows writes first is no JSON
    except UnicodeDecodeError as error:
        raise InputError(f"this is not UTF-8: {error}; convert the file") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"this is no JSON: {error}") from error


def _schema(row: Any) -> str:
    if isinstance(row, dict) and "segments" in row:
        return "a record with 'segments'"
    if isinstance(row, dict) and "texts" in row and "context" not in row:
        return "a row of several 'texts'"
    return "a record with a 'context'"


def _check_schema(row: Any, first: str) -> None:
    if _schema(row) != first:
        raise InputError(f"this is {_schema(row)}, and the first is {first}: a file holds one of them")


def parse_record(row: Any) -> Record:
    """Check one decoded JSON object and return it as a record.

    Raises:
        InputError: Names the field, what came and what is allowed.
    """
    if not isinstance(row, dict):
        raise InputError(f"a record is a JSON object, not {type(row).__name__}")
    if "segments" in row:
        row = row | _from_segments(row["segments"], row.get("context"))
    elif "texts" in row and "context" not in row:
        raise InputError(
            "this is a row of several 'texts', as Open Provence has them, and no record: "
            "convert the file first, with semantic-highlight records"
        )
    query, context = (_text(row, field) for field in ("query", "context"))
    sentence_spans = row.get("sentence_spans")
    spans = None if sentence_spans is None else _spans(sentence_spans, "sentence_spans", len(context))
    if spans and any(one[1] > other[0] for one, other in pairwise(spans)):
        raise InputError("field 'sentence_spans' is not in order: give sentences as they stand, apart")
    return Record(
        id=_name(row, "id"),
        dataset=_name(row, "dataset"),
        lang=_name(row, "lang"),
        query=query,
        context=context,
        title=_optional_text(row, "title"),
        answer_spans=_spans(row.get("answer_spans", []), "answer_spans", len(context)),
        sentence_spans=spans,
        sentence_labels=_labels(row.get("sentence_labels"), spans),
        teacher_score=_share(row.get("teacher_score"), "teacher_score"),
        format=_optional_text(row, "format"),
    )


def _from_segments(segments: Any, given: Any) -> dict[str, Any]:
    """Return the fields that a list of labelled segments stands for."""
    try:
        texts = [segment["text"] for segment in segments]
        labels = [segment["label"] for segment in segments]
        ends = list(accumulate(map(len, texts)))
        spans = [[end - len(text), end] for text, end in zip(texts, ends, strict=True)]
        context = "".join(texts)
    except (TypeError, KeyError) as error:
        raise InputError("field 'segments' is no list of objects with 'text' and 'label'") from error
    if given is not None and given != context:
        raise InputError("field 'context' is not the texts of 'segments' joined: leave it out, or correct it")
    answers = [span for span, label in zip(spans, labels, strict=True) if label]
    return {"context": context, "sentence_spans": spans, "sentence_labels": labels, "answer_spans": answers}


def _text(row: dict[str, Any], field: str) -> str:
    if field not in row:
        raise InputError(f"field {field!r} is missing: give a text that is not blank")
    value = row[field]
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"field {field!r} is {value!r}: give a text that is not blank")
    return value


def _name(row: dict[str, Any], field: str) -> str:
    value = row.get(field)
    return "" if value is None else str(value)


def _optional_text(row: dict[str, Any], field: str) -> str | None:
    value = row.get(field)
    if value is not None and not isinstance(value, str):
        raise InputError(f"field {field!r} is {value!r}: give a text or null")
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
