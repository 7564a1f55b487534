"""MultiSpanQA: a question, a context and its answers as tokens with B, I and O tags.

Layout: github.com/haonan-li/MultiSpanQA. Tokens are joined to a text as a reader would write it, without the
spaces before commas and the like; back, a text is cut into words, single Chinese characters and marks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from semantic_highlight.errors import InputError
from semantic_highlight.evaluate.formats.base import Row, get, language
from semantic_highlight.records import Record, labelled_spans, parse_record
from semantic_highlight.types import Splitter

_NO_SPACE_BEFORE = re.compile(r"[.,;:!?%)\]}’”…]+|'s|n't|'|''|[\u3000-\u9fff\uff00-\uffef]+")
_NO_SPACE_AFTER = re.compile(r"[(\[{$£€“‘]|``|[\u3000-\u9fff\uff00-\uffef]+")
_TOKEN = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+|[^\w\s]")


def matches(row: Row) -> bool:
    """Whether a row has tokens and tags."""
    return isinstance(row.get("context"), list) and "label" in row and "question" in row


def parse(row: Row) -> list[Record]:
    """Return the record of a question."""
    question, tokens, tags = (get(row, field, list) for field in ("question", "context", "label"))
    if not all(isinstance(token, str) for token in [*question, *tokens]):
        raise InputError("fields 'question' and 'context' must be lists of texts, a token each")
    if len(tags) != len(tokens):
        raise InputError(f"field 'label' has {len(tags)} tags: give {len(tokens)}, one a token of 'context'")
    if unknown := [tag for tag in tags if tag not in {"B", "I", "O"}]:
        raise InputError(f"field 'label' has {unknown[0]!r}: allowed are B, I and O")
    context, places = joined(tokens)
    query, _ = joined(question)
    record = {
        "id": row.get("id", ""),
        "lang": language(f"{query} {context}"),
        "query": query,
        "context": context,
        "answer_spans": [list(span) for span in _tagged(tags, places)],
    }
    return [parse_record(record)]


def joined(tokens: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Return the text of tokens, and where each of them stands in it."""
    text, places, glued = "", [], True
    for token in tokens:
        text += "" if glued or _NO_SPACE_BEFORE.fullmatch(token) else " "
        places.append((len(text), len(text) + len(token)))
        text += token
        glued = bool(_NO_SPACE_AFTER.fullmatch(token))
    return text, places


def _tagged(tags: Sequence[str], places: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    inside = False
    for tag, (start, end) in zip(tags, places, strict=True):
        if tag == "I" and inside:
            spans[-1] = spans[-1][0], end
        elif tag != "O":
            spans.append((start, end))
        inside = tag != "O"
    return spans


def build(records: Sequence[Record], splitter: Splitter) -> list[Row]:
    """Return one row a record."""
    return [_row(record, splitter) for record in records]


def _row(record: Record, splitter: Splitter) -> Row:
    spans = list(record.answer_spans)
    if not spans:
        sentences, labels = labelled_spans(record, splitter)
        spans = [(s.start, s.end) for s, label in zip(sentences, labels, strict=True) if label]
    tags: list[str] = []
    previous = None
    tokens = list(_TOKEN.finditer(record.context))
    for token in tokens:
        inside = next((n for n, (a, b) in enumerate(spans) if token.start() < b and token.end() > a), None)
        tags.append("O" if inside is None else "I" if inside == previous else "B")
        previous = inside
    return {
        "id": record.id,
        "question": _TOKEN.findall(record.query),
        "context": [token.group() for token in tokens],
        "label": tags,
        "num_span": tags.count("B"),
    }
