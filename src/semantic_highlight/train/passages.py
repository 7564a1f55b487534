"""Labels of texts that lie elsewhere: records whose context is cut out of the records of other files.

Labels may be shipped where the texts may not. One JSON object a line, plain or gzip'ed::

    {"id": "...", "dataset": "...", "lang": "en", "query": "...",
     "passages": [{"file": "squad.dev.jsonl.gz", "id": "...", "start": 0, "end": 812, "title": null}, ...],
     "answers": [[start, end], ...]}

A passage is ``context[start:end]`` of the record ``id`` of ``file``, stripped where it has a title, which
stands on a line above it; passages are joined by blank lines. ``answers`` are code points of the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from semantic_highlight.errors import InputError
from semantic_highlight.records import Record, decode_line, parse_record, read_lines, read_records


def read_source(path: Path, data_dir: Path) -> Iterator[Record]:
    """Read the records of a file of records, or of labels whose texts lie in ``data_dir``.

    Raises:
        InputError: If a file or a line cannot be used; the message names it.
    """
    if not _holds_labels(path):
        yield from read_records(path)
        return
    for number, line in read_lines(path):
        try:
            yield parse_record(_with_context(decode_line(line), lambda name: _contexts(data_dir / name)))
        except InputError as error:
            raise InputError(f"{path}, line {number}: {error}") from error
        except (KeyError, TypeError) as error:
            raise InputError(
                f"{path}, line {number}: field 'passages' wants 'file', 'id', 'start' and 'end' of a text "
                f"that is there, and the line 'answers': {error!r}"
            ) from error


def _holds_labels(path: Path) -> bool:
    first = next(read_lines(path), None)
    try:
        row = None if first is None else decode_line(first[1])
    except InputError:  # read_records says which line it is
        return False
    return isinstance(row, dict) and "passages" in row


def _with_context(row: dict[str, Any], contexts: Callable[[str], dict[str, str]]) -> dict[str, Any]:
    texts = []
    for passage in row["passages"]:
        text = contexts(passage["file"])[passage["id"]][passage["start"] : passage["end"]]
        title = passage.get("title")
        texts.append(f"{title}\n{text.strip()}" if title else text)
    return row | {"context": "\n\n".join(texts), "answer_spans": row["answers"]}


@lru_cache(maxsize=16)
def _contexts(path: Path) -> dict[str, str]:
    return {record.id: record.context for record in read_records(path)}
