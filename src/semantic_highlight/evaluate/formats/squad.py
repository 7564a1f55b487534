"""SQuAD 1.1 and 2.0 and the sets in their shape: CMRC 2018, DRCD, XQuAD; and their flat rows on the hub.

Layout: rajpurkar.github.io/SQuAD-explorer. A row is an article with its paragraphs, or in the flat form one
question with its context and ``answers: {"text": [...], "answer_start": [...]}``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from semantic_highlight.errors import InputError
from semantic_highlight.evaluate.formats.base import Row, get, grouped, language
from semantic_highlight.records import Record, labelled_spans, parse_record
from semantic_highlight.types import Splitter


def matches(row: Row) -> bool:
    """Whether a row has paragraphs, or a question with a context in one piece and answers."""
    return "paragraphs" in row or (
        isinstance(row.get("context"), str) and isinstance(row.get("question"), str) and "answers" in row
    )


def parse(row: Row) -> list[Record]:
    """Return one record a question."""
    if "paragraphs" not in row:
        return [_record(row, get(row, "context", str), row.get("title"))]
    return [
        _record(question, get(paragraph, "context", str), row.get("title"))
        for paragraph in get(row, "paragraphs", list)
        for question in get(paragraph, "qas", list)
    ]


def _record(question: Row, context: str, title: Any) -> Record:
    identity = str(question.get("id", ""))
    try:
        query = get(question, "question", str)
        # SQuAD 2.0 gives plausible answers to what has none; CMRC and 1.1 have no such field.
        answers = [] if question.get("is_impossible") else list(_answers(question))
        spans = dict.fromkeys(located(context, text, start) for text, start in answers)
        return parse_record(
            {
                "id": identity,
                "lang": language(f"{query} {context}"),
                "query": query,
                "context": context,
                "title": title,
                "answer_spans": [[start, end] for start, end in spans],
            }
        )
    except InputError as error:
        raise InputError(f"question {identity!r}: {error}") from error


def _answers(question: Row) -> Iterator[tuple[str, int]]:
    answers = get(question, "answers", (list, dict))
    if isinstance(answers, dict):
        texts, starts = get(answers, "text", list), get(answers, "answer_start", list)
        if len(texts) != len(starts):
            raise InputError(f"field 'answers' has {len(texts)} texts and {len(starts)} starts: give as many")
        answers = [{"text": text, "answer_start": start} for text, start in zip(texts, starts, strict=True)]
    for answer in answers:
        yield get(answer, "text", str), get(answer, "answer_start", int)


def located(context: str, text: str, start: int) -> tuple[int, int]:
    """Return where an answer stands: at its offset, or where that is wrong, its nearest occurrence.

    Some offsets of CMRC 2018 are -1 or off by a few characters.

    Raises:
        InputError: If the context does not have it.
    """
    if text and (start < 0 or not context.startswith(text, start)):
        places = [place for place in range(len(context)) if context.startswith(text, place)]
        start = min(places, key=lambda place: abs(place - start), default=-1)
    if not text or start < 0:
        raise InputError(f"the answer {text!r} does not stand in the context: correct it or leave it out")
    return start, start + len(text)


def build(records: Sequence[Record], splitter: Splitter) -> list[Row]:
    """Return one article a run of records with the same title, in the form of SQuAD 2.0."""
    return [
        {
            "title": articles[0].title or "",
            "paragraphs": [
                {"context": run[0].context, "qas": [_question(record, splitter) for record in run]}
                for run in grouped(articles, lambda record: record.context)
            ],
        }
        for articles in grouped(records, lambda record: record.title)
    ]


def _question(record: Record, splitter: Splitter) -> Row:
    spans = record.answer_spans
    if not spans:
        sentences, labels = labelled_spans(record, splitter)
        spans = tuple((s.start, s.end) for s, label in zip(sentences, labels, strict=True) if label)
    return {
        "id": record.id,
        "question": record.query,
        "is_impossible": not spans,
        "answers": [{"text": record.context[start:end], "answer_start": start} for start, end in spans],
    }
