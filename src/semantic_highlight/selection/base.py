"""What a selection policy is, and what the policies share."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any, Protocol, runtime_checkable

from semantic_highlight.assembly import Assembler
from semantic_highlight.errors import InputError
from semantic_highlight.types import HighlightedDocument

Masks = list[list[bool]]
"""For every document, one flag for every span: true where it is kept."""

Place = tuple[int, int]
"""The index of a document and the index of a span in it."""


@runtime_checkable
class Selector(Protocol):
    """Chooses the sentences to keep, seeing all documents of a query at once.

    Any object with this method will do; its ``repr`` is what the savings record shows.
    """

    def select(self, documents: Sequence[HighlightedDocument], assembler: Assembler) -> Masks:
        """Return one flag for every span of every document, in order.

        Args:
            documents: The scored documents of one query.
            assembler: Tells what a choice would cost in tokens; policies without a budget ignore it.
        """


class Policy:
    """Base of the built-in selectors: a ``repr`` that is short, stable and leaves out what is unset."""

    __slots__ = ()

    def __repr__(self) -> str:
        values = ((f.name, getattr(self, f.name)) for f in fields(self))  # type: ignore[arg-type]
        shown = ", ".join(f"{name}={_shown(value)}" for name, value in values if value is not None)
        return f"{type(self).__name__}({shown})"


def _shown(value: Any) -> str:
    # The repr of a function carries an address, which would differ from run to run.
    return getattr(value, "__qualname__", None) or repr(value)


def chosen(selector: Selector, documents: Sequence[HighlightedDocument], assembler: Assembler) -> Masks:
    """Return what ``selector`` keeps, as new lists of plain booleans.

    Raises:
        InputError: If it returns anything but one flag for every span of every document.
    """
    returned = selector.select(documents, assembler)
    try:
        masks = [[bool(flag) for flag in mask] for mask in returned]
    except (TypeError, ValueError):  # not nested, or an array in the place of a flag
        masks = None
    if masks is None or list(map(len, masks)) != [len(document.spans) for document in documents]:
        raise InputError(
            f"{selector!r} returned {reprlib.repr(returned)}: "
            "a selector must return one flag for every span of every document"
        )
    return masks


def ranked(documents: Sequence[HighlightedDocument], among: Masks | None = None) -> list[Place]:
    """Return the places of all sentences, best score first, then earlier document and earlier sentence.

    White space is no sentence and is left out.

    Args:
        documents: The scored documents.
        among: Only the sentences kept here; all where None.
    """
    places = [
        (i, j)
        for i, document in enumerate(documents)
        for j in sentence_indices(document)
        if among is None or among[i][j]
    ]
    return sorted(places, key=lambda place: -documents[place[0]].scores[place[1]])


def sentence_indices(document: HighlightedDocument) -> list[int]:
    """Return the indices of the spans that are not white space, in order."""
    return [j for j, span in enumerate(document.spans) if not span.is_blank(document.text)]


def masks_of(documents: Sequence[HighlightedDocument], places: Iterable[Place]) -> Masks:
    """Return masks that keep the given places and nothing else."""
    masks = [[False] * len(document.spans) for document in documents]
    for i, j in places:
        masks[i][j] = True
    return masks


def check_share(name: str, value: float) -> None:
    """Raise InputError unless ``value`` is a number in [0, 1]."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise InputError(f"{name} is {value!r}: use a number from 0.0 to 1.0")


def check_count(name: str, value: int, *, least: int) -> None:
    """Raise InputError unless ``value`` is a whole number of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"{name} is {value!r}: use a whole number of at least {least}")


def check_selector(name: str, value: object) -> None:
    """Raise InputError unless ``value`` is a selector."""
    if isinstance(value, type) or not isinstance(value, Selector):
        raise InputError(f"{name} is {value!r}: use a selector, for example Threshold(0.5) or TopK(3)")
