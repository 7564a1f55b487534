"""Rows of JSONL, JSON and parquet files, and of data sets on the Hugging Face hub, each with its place."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from semantic_highlight.errors import InputError, MissingExtraError
from semantic_highlight.evaluate.formats.base import Row
from semantic_highlight.evaluate.formats.hub import hub_files
from semantic_highlight.records import OnBad, decode_line, read_lines


def read_rows(source: str, *, on_bad: OnBad | None = None) -> Iterator[tuple[str, Row]]:
    """Read rows, each with the place it has in its file, for messages.

    Args:
        source: A ``.jsonl``, ``.json`` or ``.parquet`` file, the first two also with ``.gz``; or
            ``hf://owner/name/config:split``, of which config and split may be left out.
        on_bad: Is told of a line that is no JSON object, which is left out then; where None it raises.

    Raises:
        InputError: If the source cannot be read.
        MissingExtraError: If it needs a library that is not installed.
    """
    if source.startswith("hf:"):
        for file in hub_files(source):
            yield from _parquet_rows(file)
    elif source.endswith(".parquet"):
        yield from _parquet_rows(Path(source))
    elif source.removesuffix(".gz").endswith(".json"):
        yield from _json_rows(Path(source))
    else:
        yield from _jsonl_rows(Path(source), on_bad)


def has_lines(source: str) -> bool:
    """Whether a source is a file with a JSON object a line."""
    return not source.startswith("hf:") and not source.removesuffix(".gz").endswith((".json", ".parquet"))


def _jsonl_rows(path: Path, on_bad: OnBad | None) -> Iterator[tuple[str, Row]]:
    for number, line in read_lines(path):
        place = f"{path}, line {number}"
        try:
            row = _as_row(decode_line(line))
        except InputError as error:
            located = InputError(f"{place}: {error}")
            if on_bad is None:
                raise located from error
            on_bad(located)
        else:
            yield place, row


def _json_rows(path: Path) -> Iterator[tuple[str, Row]]:
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        decoded = json.loads(content.decode("utf-8-sig"))
    except (OSError, EOFError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}") from error
    rows = decoded.get("data") if isinstance(decoded, dict) else decoded
    if not isinstance(rows, list):
        raise InputError(f"{path} holds no list of rows: give a list, or an object with a list under 'data'")
    for number, row in enumerate(rows, start=1):
        place = f"{path}, entry {number}"
        try:
            yield place, _as_row(row)
        except InputError as error:
            raise InputError(f"{place}: {error}") from error


def _as_row(value: Any) -> Row:
    if not isinstance(value, dict):
        raise InputError(f"a row is a JSON object, not {type(value).__name__}")
    return value


def _parquet_rows(path: Path) -> Iterator[tuple[str, Row]]:
    parquet = _pyarrow_parquet()
    from pyarrow import ArrowException

    if not path.is_file():
        raise InputError(f"{path}: no such file; give a .jsonl, .json or .parquet file, or hf://owner/name")
    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches():
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path}, row {number}", row
    except (ArrowException, OSError) as error:
        raise InputError(f"{path}, after row {number}: the file cannot be read on: {error}") from error


def write_parquet(path: Path, rows: list[Row]) -> None:
    """Write rows to a parquet file.

    Raises:
        InputError: If they do not fit into columns, each of one type.
        MissingExtraError: If pyarrow is not installed.
    """
    parquet = _pyarrow_parquet()
    import pyarrow

    try:
        table = pyarrow.Table.from_pylist(rows)
    except pyarrow.ArrowException as error:
        raise InputError(
            f"{path}: such rows have no place in parquet; use .jsonl or .json: {error}"
        ) from error
    parquet.write_table(table, path)


def _pyarrow_parquet() -> Any:
    try:
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise MissingExtraError("pyarrow", "data") from error
    return parquet
