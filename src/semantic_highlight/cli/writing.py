"""Pruned documents to standard output: as text, marked, or as JSON."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence

from semantic_highlight import render
from semantic_highlight.cli.reading import InputDocument
from semantic_highlight.errors import InputError
from semantic_highlight.record import KEY, build_record
from semantic_highlight.types import PrunedDocument, Savings, TokenCounter


def as_text(pruned: Iterable[PrunedDocument]) -> str:
    """Return what is left of the documents, with a blank line between two."""
    return _joined(document.text for document in pruned)


def as_marked(pruned: Iterable[PrunedDocument]) -> str:
    """Return the whole documents with what is kept and what is dropped in colour.

    Where the environment has NO_COLOR, what is kept stands between ``**`` instead.
    """
    paint = render.to_marked_text if os.environ.get("NO_COLOR") else render.to_terminal
    return _joined(paint(document.original, document.marks) for document in pruned)


def as_json(
    documents: Sequence[InputDocument], pruned: Sequence[PrunedDocument], *, include_sentences: bool
) -> str:
    """Return one JSON object a line: what came, with the pruned text and the savings record.

    Args:
        documents: The documents as they came.
        pruned: The same, pruned.
        include_sentences: Whether the record lists every sentence with its offsets and score.
    """
    lines = []
    for document, result in zip(documents, pruned, strict=True):
        record = build_record(result, include_sentences=include_sentences, previous=document.fields.get(KEY))
        fields = {**document.fields, document.text_field: result.text, KEY: record}
        lines.append(json.dumps(fields, ensure_ascii=False) + "\n")
    return "".join(lines)


def summary(pruned: Sequence[PrunedDocument], counter: TokenCounter) -> str:
    """Return one line on what all documents saved together.

    Args:
        pruned: The documents.
        counter: What counted their tokens.
    """
    before = sum(document.savings.tokens_before for document in pruned)
    after = sum(document.savings.tokens_after for document in pruned)
    number = "1 document" if len(pruned) == 1 else f"{len(pruned)} documents"
    return f"{number}: {Savings(before, after, counter.name, counter.exact)}"


def write(text: str) -> None:
    """Write to standard output, in UTF-8 whatever the terminal's own encoding.

    Raises:
        InputError: If standard output is closed or takes no more, for example because the disk is full.
        BrokenPipeError: If whoever read it went away; typer ends the process then, quietly.
    """
    if sys.stdout is None:
        raise InputError("the output cannot be written: standard output is closed; leave it open")
    # Half a surrogate pair, which JSON can hold and UTF-8 cannot, goes out as the \\ud83d it came as.
    content = text.encode("utf-8", "backslashreplace")
    try:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise InputError(f"the output cannot be written: {error.strerror}; send it elsewhere") from error


def _joined(texts: Iterable[str]) -> str:
    return "\n".join(text if text.endswith("\n") else f"{text}\n" for text in texts if text)
