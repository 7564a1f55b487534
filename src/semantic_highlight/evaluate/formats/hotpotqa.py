"""HotpotQA: a question, ten paragraphs in sentences, and the sentences that support the answer.

Layout: hotpotqa.github.io, and the same with columns on the hub (``context: {"title": [...], "sentences":
[...]}``). All paragraphs become one context, a blank line between two, so that a selection has to find the
hops among the distractors; titles are not part of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from semantic_highlight.errors import InputError
from semantic_highlight.evaluate.formats.base import Row, get, language
from semantic_highlight.records import Record, labelled_spans, parse_record
from semantic_highlight.types import Splitter

BETWEEN = "\n\n"


def matches(row: Row) -> bool:
    """Whether a row has supporting facts."""
    return "supporting_facts" in row and "context" in row


def parse(row: Row) -> list[Record]:
    """Return the record of a question."""
    query = get(row, "question", str)
    paragraphs = _pairs(row, "context", "sentences", list)
    facts = {(title, number) for title, number in _pairs(row, "supporting_facts", "sent_id", int)}
    text = ""
    spans: list[list[int]] = []
    labels: list[int] = []
    for title, sentences in paragraphs:
        text += BETWEEN if text else ""
        for number, sentence in enumerate(sentences):
            if not isinstance(sentence, str):
                raise InputError(f"field 'context' has a sentence {sentence!r}: give a text")
            # Sentences come with the space before them, and some are blank; a span is the words alone.
            start = len(text) + len(sentence) - len(sentence.lstrip())
            text += sentence
            if sentence.strip():
                spans.append([start, start + len(sentence.strip())])
                labels.append(int((title, number) in facts))
    record = {
        "id": row.get("_id") or row.get("id") or "",
        "lang": language(f"{query} {text}"),
        "query": query,
        "context": text,
        "title": " | ".join(title for title, _ in paragraphs),
        "sentence_spans": spans,
        "sentence_labels": labels,
        "answer_spans": [span for span, label in zip(spans, labels, strict=True) if label],
    }
    return [parse_record(record)]


def _pairs(row: Row, field: str, column: str, kind: type) -> list[tuple[str, Any]]:
    """Return (title, value) pairs, from either layout."""
    value = get(row, field, (list, dict))
    if isinstance(value, dict):
        titles, values = get(value, "title", list), get(value, column, list)
        if len(titles) != len(values):
            raise InputError(
                f"field {field!r} has {len(titles)} titles and {len(values)} {column}: give as many"
            )
        value = [[title, one] for title, one in zip(titles, values, strict=True)]
    for pair in value:
        if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[0], str):
            raise InputError(f"field {field!r} has {pair!r}: give [title, {column}]")
        if not isinstance(pair[1], kind):
            raise InputError(f"field {field!r} has {pair!r}: its second part must be a {kind.__name__}")
    return [(title, one) for title, one in value]


def build(records: Sequence[Record], splitter: Splitter) -> list[Row]:
    """Return one row a record, with its context as one paragraph."""
    return [_row(record, splitter) for record in records]


def _row(record: Record, splitter: Splitter) -> Row:
    spans, labels = labelled_spans(record, splitter)
    title = record.title or record.id
    return {
        "_id": record.id,
        "question": record.query,
        "answer": " ".join(record.context[start:end] for start, end in record.answer_spans),
        "supporting_facts": [[title, number] for number, label in enumerate(labels) if label],
        "context": [[title, [span.of(record.context) for span in spans]]],
    }
