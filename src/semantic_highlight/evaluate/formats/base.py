"""What a format of labelled data is, and what the formats share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from semantic_highlight.errors import InputError
from semantic_highlight.records import Record
from semantic_highlight.types import Splitter

Row = dict[str, Any]
Kind = type | tuple[type, ...]


@dataclass(frozen=True, slots=True)
class Format:
    """A shape of labelled data, and the way from it to records and back.

    Attributes:
        name: What the command line calls it.
        about: What a row of it looks like, for help and errors.
        matches: Whether a row is one of it.
        parse: From a row to its records; raises InputError that names the field.
        build: From records to rows; sentences are the records' own, or else the splitter's.
        data_key: In a JSON file, the key under which the rows stand; None where the file is their list.
    """

    name: str
    about: str
    matches: Callable[[Row], bool]
    parse: Callable[[Row], list[Record]]
    build: Callable[[Sequence[Record], Splitter], list[Row]]
    data_key: str | None = None


def get(row: Mapping[str, Any], field: str, kind: Kind, *, default: Any = None) -> Any:
    """Return a field of a row.

    Args:
        row: The row.
        field: Its name.
        kind: What it has to be.
        default: What stands for it where it is absent or null; None where it must not be.

    Raises:
        InputError: If it is absent or of another type; names the field, what came and what is allowed.
    """
    value = row.get(field)
    if value is None and default is not None:
        return default
    if not isinstance(value, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        names = " or ".join(_NAMES.get(one, one.__name__) for one in kinds)
        came = "missing" if field not in row else repr(value)[:80]
        raise InputError(f"field {field!r} is {came}: give {names}")
    return value


_NAMES = {str: "a text", list: "a list", dict: "an object", int: "a whole number", bool: "true or false"}


def language(text: str) -> str:
    """Return ``zh`` where Chinese characters are more than a tenth of a text, else ``en``.

    The formats of the field do not say the language. A tenth leaves English with a Chinese name English.
    """
    return "zh" if sum("一" <= character <= "鿿" for character in text) * 10 > len(text) else "en"


def grouped(records: Sequence[Record], key: Callable[[Record], Any]) -> Iterator[list[Record]]:
    """Yield runs of neighbouring records with the same key."""
    for _, run in groupby(records, key):
        yield list(run)
