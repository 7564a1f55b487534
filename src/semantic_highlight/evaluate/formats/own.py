"""This package's own records, where they come as rows of parquet or go to any file."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from semantic_highlight.evaluate.formats.base import Row
from semantic_highlight.records import Record, parse_record
from semantic_highlight.types import Splitter


def matches(row: Row) -> bool:
    """Whether a row has a query and a context in one piece, or segments."""
    return "query" in row and (isinstance(row.get("context"), str) or "segments" in row)


def parse(row: Row) -> list[Record]:
    """Return the record of a row."""
    return [parse_record({field: value for field, value in row.items() if value is not None})]


def build(records: Sequence[Record], splitter: Splitter) -> list[Row]:  # noqa: ARG001 - it changes nothing
    """Return one row a record."""
    return [dataclasses.asdict(record) for record in records]
