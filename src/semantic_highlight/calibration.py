"""A threshold fitted to labelled examples, and the small JSON file that carries it on.

::

    {"format": "semantic_highlight.calibration", "version": 1, "model": "...", "threshold": 0.0288,
     "recall": 0.95, "confidence": 0.9, "queries": 120, "sentences": 188, "method": "..."}

``semantic-highlight calibrate`` writes it; what it promises stands in
:mod:`semantic_highlight.evaluate.calibrate`.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from semantic_highlight.errors import InputError

FORMAT: Final = "semantic_highlight.calibration"
VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Calibration:
    """A threshold, whose it is, and what it promises.

    Attributes:
        model: The name of the scorer that it was fitted to; it says nothing about another.
        threshold: A sentence is kept when it scores above it, strictly; 0.0 to 1.0.
        recall: The share of gold sentences that it promises to keep, between 0.0 and 1.0.
        confidence: The probability with which it keeps the promise, between 0.0 and 1.0.
        queries: The number of labelled queries with an answer that it was fitted to.
        sentences: The number of their gold sentences.
        method: How it was fitted.

    Raises:
        InputError: If a value is of another type or out of its range.
    """

    model: str
    threshold: float
    recall: float
    confidence: float
    queries: int
    sentences: int
    method: str

    def __post_init__(self) -> None:
        for field in ("model", "method"):
            if not isinstance(getattr(self, field), str):
                raise InputError(f"field {field!r} is {getattr(self, field)!r}: give a text")
        for field in ("threshold", "recall", "confidence"):
            value = getattr(self, field)
            if type(value) not in {int, float} or not 0 <= value <= 1:
                raise InputError(f"field {field!r} is {value!r}: give a number from 0 to 1")
        for field in ("queries", "sentences"):
            value = getattr(self, field)
            if type(value) is not int or value < 1:
                raise InputError(f"field {field!r} is {value!r}: give a whole number of at least 1")

    def check_model(self, name: str) -> None:
        """Raise InputError unless it was fitted to the scorer of this name."""
        if name != self.model:
            raise InputError(
                f"the calibration was fitted to the model {self.model!r}, and this is {name!r}: scores of "
                "two models do not compare, so fit this one too, with semantic-highlight calibrate"
            )

    def save(self, path: str | Path) -> None:
        """Write the file; the same calibration gives the same bytes.

        Raises:
            InputError: If it cannot be written.
        """
        row = {"format": FORMAT, "version": VERSION, **dataclasses.asdict(self)}
        try:
            Path(path).write_text(json.dumps(row, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise InputError(f"{path} cannot be written: {error.strerror}; give another file") from error

    @classmethod
    def load(cls, path: str | Path) -> Calibration:
        """Read the file.

        Raises:
            InputError: If it cannot be read or is no calibration of this version; it names the field.
        """
        try:
            row = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}; give a calibration file") from error
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"{path} is no JSON: {error}; give a file of semantic-highlight calibrate"
            ) from error
        try:
            return cls(**_fields(row))
        except InputError as error:
            raise InputError(f"{path}: {error}") from error


def as_calibration(value: Calibration | str | Path) -> Calibration:
    """Return a calibration as it is, or the one that a path leads to.

    Raises:
        InputError: If it is neither, or cannot be read.
    """
    if isinstance(value, Calibration):
        return value
    if not isinstance(value, str | Path):
        raise InputError(f"calibration is {value!r}: pass a Calibration or the path of its file")
    return Calibration.load(value)


def _fields(row: Any) -> dict[str, Any]:
    if not isinstance(row, dict) or row.get("format") != FORMAT:
        raise InputError(f"this is no calibration: its 'format' must be {FORMAT!r}")
    if row.get("version") != VERSION:
        raise InputError(
            f"field 'version' is {row.get('version')!r}: this release reads {VERSION}; fit again"
        )
    names = [field.name for field in dataclasses.fields(Calibration)]
    if missing := [name for name in names if name not in row]:
        raise InputError(f"field {missing[0]!r} is missing; fit again with semantic-highlight calibrate")
    return {name: row[name] for name in names}
