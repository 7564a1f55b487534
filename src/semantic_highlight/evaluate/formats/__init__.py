"""The field's own formats of labelled data, to records and back.

::

    from semantic_highlight.evaluate.formats import read_data, write_data

    records = list(read_data("hf://hotchpotch/natural-questions-context-relevance/freq2:validation"))
    write_data("mine.jsonl", records)                               # this package's records
    write_data("mine.parquet", records, format="context-relevance")
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from semantic_highlight.errors import InputError
from semantic_highlight.evaluate.formats import context_relevance, hotpotqa, multispanqa, own, squad
from semantic_highlight.evaluate.formats.base import Format, Row
from semantic_highlight.evaluate.formats.rows import has_lines, read_rows, write_parquet
from semantic_highlight.records import OnBad, Record, read_records
from semantic_highlight.splitting import split
from semantic_highlight.types import Splitter

__all__ = ["FORMATS", "Format", "read_data", "write_data"]

_ALL = (
    Format("records", "query, context, answer_spans", own.matches, own.parse, own.build),
    Format(
        "context-relevance",
        "query, texts, context_spans, context_spans_relevance",
        context_relevance.matches,
        context_relevance.parse,
        context_relevance.build,
    ),
    Format(
        "hotpotqa",
        "question, context in titled sentences, supporting_facts",
        hotpotqa.matches,
        hotpotqa.parse,
        hotpotqa.build,
    ),
    Format(
        "multispanqa",
        "question and context as tokens, label",
        multispanqa.matches,
        multispanqa.parse,
        multispanqa.build,
        data_key="data",
    ),
    Format(
        "squad",
        "title, paragraphs with qas; or question, context, answers",
        squad.matches,
        squad.parse,
        squad.build,
        data_key="data",
    ),
)
FORMATS = {one.name: one for one in _ALL}
"""By name; ``squad`` includes CMRC 2018, DRCD and XQuAD."""


def read_data(
    source: str | Path,
    *,
    format: str | None = None,  # noqa: A002 - the field's word for it
    on_bad: OnBad | None = None,
) -> Iterator[Record]:
    """Read labelled data in any known format, each record checked.

    Args:
        source: A ``.jsonl``, ``.json`` or ``.parquet`` file, the first two also with ``.gz``; or
            ``hf://owner/name/config:split``.
        format: The name of the format; where None, that of the first row.
        on_bad: Is told of every row that cannot be used, which is left out then; where None the first raises.

    Raises:
        InputError: If the source or a row of it cannot be used, or nothing is left; names place and field.
        MissingExtraError: If it needs a library that is not installed.
    """
    chosen = _detected(str(source)) if format is None else format_of(format)
    if chosen is FORMATS["records"] and has_lines(str(source)):
        yield from read_records(Path(source), on_bad=on_bad)
        return
    good = bad = 0
    for place, row in read_rows(str(source), on_bad=on_bad):
        try:
            records = _parse(chosen, row)
        except InputError as error:
            located = InputError(f"{place}: {error}")
            if on_bad is None:
                raise located from error
            on_bad(located)
            bad += 1
        else:
            good += len(records)
            yield from records
    if not good:
        left_out = f", and {bad} rows that cannot be used" if bad else ""
        raise InputError(f"{source} has no records{left_out}: give at least one")


def _detected(source: str) -> Format:
    """Return the format of the first row that is one; of a file without rows, that of records."""
    bad: list[InputError] = []
    for place, row in read_rows(source, on_bad=bad.append):
        try:
            return detect(row)
        except InputError as error:
            raise InputError(f"{place}: {error}") from error
    return FORMATS["records"]


def _parse(chosen: Format, row: Row) -> list[Record]:
    if not chosen.matches(row):
        raise InputError(
            f"this is no row of {chosen.name} ({chosen.about}): it has {', '.join(row) or 'no fields'}; "
            "a file holds one format"
        )
    return chosen.parse(row)


def detect(row: Row) -> Format:
    """Return the format that a row is in.

    Raises:
        InputError: If it is in none; lists those there are.
    """
    for one in _ALL:
        if one.matches(row):
            return one
    known = "; ".join(f"{one.name} ({one.about})" for one in _ALL)
    raise InputError(f"a row with {', '.join(row) or 'no fields'} is in no known format: {known}")


def format_of(name: str) -> Format:
    """Return the format of a name.

    Raises:
        InputError: If there is none; lists those there are.
    """
    if name not in FORMATS:
        raise InputError(f"the format is {name!r}: use one of {', '.join(FORMATS)}")
    return FORMATS[name]


def write_data(
    path: str | Path,
    records: Iterable[Record],
    *,
    format: str = "records",  # noqa: A002 - the field's word for it
    splitter: Splitter = split,
) -> int:
    """Write records in a format and return how many rows that made.

    Args:
        path: A ``.jsonl``, ``.json`` or ``.parquet`` file, the first two also with ``.gz``.
        records: The records.
        format: The name of the format.
        splitter: What cuts texts into sentences, where a record does not bring its own.

    Raises:
        InputError: If the format or the ending is unknown, or the file cannot be written.
        MissingExtraError: If it needs a library that is not installed.
    """
    target, chosen = Path(path), format_of(format)
    rows = chosen.build(list(records), splitter)
    ending = target.name.removesuffix(".gz").rpartition(".")[2]
    try:
        if ending == "parquet":
            write_parquet(target, rows)
        elif ending in {"jsonl", "json"}:
            _write_text(target, _as_json(chosen, rows) if ending == "json" else _as_jsonl(rows))
        else:
            raise InputError(f"{path} has no known ending: use .jsonl, .json or .parquet")
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}; give another file") from error
    return len(rows)


def _as_jsonl(rows: list[Row]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _as_json(chosen: Format, rows: list[Row]) -> str:
    content = rows if chosen.data_key is None else {"version": "1", chosen.data_key: rows}
    return json.dumps(content, ensure_ascii=False) + "\n"


def _write_text(path: Path, text: str) -> None:
    content = text.encode("utf-8", "backslashreplace")
    # No time in the header: the same records give the same bytes.
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
