"""Documents from files and standard input."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semantic_highlight.errors import InputError

STANDARD_INPUT = "-"
TEXT_FIELDS = ("text", "page_content", "content")
"""Where an object of a JSONL file may have its text: this package's, LangChain's and others' name for it."""


@dataclass(frozen=True, slots=True)
class InputDocument:
    """A document and what came with it.

    Attributes:
        text: The text.
        fields: The object it came in, with the text; for a text file its source.
        text_field: The field that has the text.
    """

    text: str
    fields: dict[str, Any]
    text_field: str = "text"


def read_documents(files: Sequence[str], *, jsonl: bool = False) -> list[InputDocument]:
    """Read every file whole, so that a bad one is found before anything is written.

    Args:
        files: Paths, or ``-`` for standard input. A file is one document; of a name that ends in ``.jsonl``
            or ``.ndjson``, every line is one.
        jsonl: Whether every line is a document whatever the name.

    Raises:
        InputError: If a file cannot be read, is not UTF-8, or has a line that is no document.
    """
    documents: list[InputDocument] = []
    for file in files:
        text = _decoded(file, _content(file))
        if jsonl or Path(file).suffix.lower() in {".jsonl", ".ndjson"}:
            documents.extend(_lines(file, text))
        else:
            documents.append(InputDocument(text, {"source": file}))
    return documents


def _content(file: str) -> bytes:
    if file == STANDARD_INPUT and sys.stdin is None:
        raise InputError(f"{file} cannot be read: standard input is closed; give a file")
    try:
        return sys.stdin.buffer.read() if file == STANDARD_INPUT else Path(file).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{file} cannot be read: {reason}; give a file, or - for standard input") from error


def _decoded(file: str, content: bytes) -> str:
    try:
        return content.decode("utf-8").removeprefix("\ufeff")  # the mark that Windows writes first
    except UnicodeDecodeError as error:
        at = error.start
        msg = (
            f"{file} is not UTF-8: byte 0x{content[at]:02x} at offset {at}; "
            "convert it, for example: iconv -f GB18030 -t UTF-8"
        )
        raise InputError(msg) from error


def _lines(file: str, text: str) -> Iterator[InputDocument]:
    # Not splitlines(): JSON strings may hold U+2028, which is no end of a line here.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{file}, line {number} is not JSON: {error}") from error
        yield _document(f"{file}, line {number}", fields)


def _document(place: str, fields: Any) -> InputDocument:
    if not isinstance(fields, dict):
        raise InputError(f"{place} is {type(fields).__name__}: every line must be a JSON object")
    field = next((name for name in TEXT_FIELDS if name in fields), None)
    if field is None:
        raise InputError(f"{place} has no text: give it in one of the fields {', '.join(TEXT_FIELDS)}")
    if not isinstance(fields[field], str):
        raise InputError(f"{place}: the field {field} is {type(fields[field]).__name__}, it must be a string")
    return InputDocument(fields[field], fields, field)
