"""The policies that add to what another policy keeps. They compose: a wrapper is itself a selector.

Around a budget a wrapper may exceed it; to keep the budget, put the wrapper inside:
``TokenBudget(800, among=Neighbours(Threshold(0.3)))``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from semantic_highlight.assembly import Assembler
from semantic_highlight.errors import InputError
from semantic_highlight.selection.base import (
    Masks,
    Policy,
    Selector,
    check_count,
    check_selector,
    check_share,
    chosen,
    ranked,
    sentence_indices,
)
from semantic_highlight.types import HighlightedDocument


@dataclass(frozen=True, slots=True, repr=False)
class Neighbours(Policy):
    """Keeps the sentences around a kept one too.

    Args:
        inner: The policy to add to.
        n: How many on each side, at least 1.

    Raises:
        InputError: If ``inner`` is no selector or the number is below 1.
    """

    inner: Selector
    n: int = 1

    def __post_init__(self) -> None:
        check_selector("Neighbours inner", self.inner)
        check_count("Neighbours n", self.n, least=1)

    def select(self, documents: Sequence[HighlightedDocument], assembler: Assembler) -> Masks:
        """Keep what ``inner`` keeps and ``n`` sentences before and after each."""
        masks = chosen(self.inner, documents, assembler)
        return [self._widened(document, mask) for document, mask in zip(documents, masks, strict=True)]

    def _widened(self, document: HighlightedDocument, mask: list[bool]) -> list[bool]:
        widened = list(mask)
        indices = sentence_indices(document)
        for at, index in enumerate(indices):
            if mask[index]:
                for near in indices[max(0, at - self.n) : at + self.n + 1]:
                    widened[near] = True
        return widened


@dataclass(frozen=True, slots=True, repr=False)
class KeepLeading(Policy):
    """Keeps the first sentences of a document, where the title or the subject often stands.

    Provence calls this ``always_select_title``.

    Args:
        inner: The policy to add to.
        n: How many, at least 1.
        always: Also in documents of which ``inner`` keeps nothing.

    Raises:
        InputError: If ``inner`` is no selector or the number is below 1.
    """

    inner: Selector
    n: int = 1
    always: bool = False

    def __post_init__(self) -> None:
        check_selector("KeepLeading inner", self.inner)
        check_count("KeepLeading n", self.n, least=1)

    def select(self, documents: Sequence[HighlightedDocument], assembler: Assembler) -> Masks:
        """Keep what ``inner`` keeps and the first ``n`` sentences."""
        masks = chosen(self.inner, documents, assembler)
        for document, mask in zip(documents, masks, strict=True):
            if self.always or any(mask):
                for index in sentence_indices(document)[: self.n]:
                    mask[index] = True
        return masks


@dataclass(frozen=True, slots=True, repr=False)
class KeepHeadings(Policy):
    """Keeps the nearest heading above every kept sentence, so that the reader knows what it is about.

    Args:
        inner: The policy to add to.

    Raises:
        InputError: If ``inner`` is no selector.
    """

    inner: Selector

    def __post_init__(self) -> None:
        check_selector("KeepHeadings inner", self.inner)

    def select(self, documents: Sequence[HighlightedDocument], assembler: Assembler) -> Masks:
        """Keep what ``inner`` keeps and the headings over it."""
        masks = chosen(self.inner, documents, assembler)
        for document, mask in zip(documents, masks, strict=True):
            heading = None
            for index, span in enumerate(document.spans):
                if span.kind == "heading":
                    heading = index
                elif mask[index] and heading is not None:
                    mask[heading] = True
        return masks


@dataclass(frozen=True, slots=True, repr=False)
class MustKeep(Policy):
    """Keeps every sentence that matches, whatever its score: numbers, dates, names, warnings.

    Args:
        inner: The policy to add to.
        pattern: A regular expression to search for, or a function from the sentence to a truth value.

    Raises:
        InputError: If ``inner`` is no selector or the regular expression cannot be compiled.
    """

    inner: Selector
    pattern: str | re.Pattern[str] | Callable[[str], bool]

    def __post_init__(self) -> None:
        check_selector("MustKeep inner", self.inner)
        if isinstance(self.pattern, str):
            try:
                re.compile(self.pattern)
            except re.error as error:
                msg = f"MustKeep pattern is {self.pattern!r}: use a regular expression ({error})"
                raise InputError(msg) from error
        elif not isinstance(self.pattern, re.Pattern) and not callable(self.pattern):
            msg = f"MustKeep pattern is {self.pattern!r}: use a regular expression or a function of a string"
            raise InputError(msg)

    def select(self, documents: Sequence[HighlightedDocument], assembler: Assembler) -> Masks:
        """Keep what ``inner`` keeps and every sentence that matches."""
        pattern = self.pattern
        matches = pattern if callable(pattern) else re.compile(pattern).search
        masks = chosen(self.inner, documents, assembler)
        for document, mask in zip(documents, masks, strict=True):
            for index in sentence_indices(document):
                mask[index] = mask[index] or bool(matches(document.spans[index].of(document.text)))
        return masks


@dataclass(frozen=True, slots=True, repr=False)
class MinKept(Policy):
    """Keeps at least so many sentences, the best ones, so that a context is never empty.

    Args:
        inner: The policy to add to.
        per_document: At least so many of every document, 0 or more.
        per_query: At least so many of all documents together, 0 or more.
        floor: Only sentences that score at least this are added, 0.0 to 1.0; any where None.

    Raises:
        InputError: If ``inner`` is no selector, or a number is outside its range.
    """

    inner: Selector
    per_document: int = 0
    per_query: int = 1
    floor: float | None = None

    def __post_init__(self) -> None:
        check_selector("MinKept inner", self.inner)
        check_count("MinKept per_document", self.per_document, least=0)
        check_count("MinKept per_query", self.per_query, least=0)
        if self.floor is not None:
            check_share("MinKept floor", self.floor)

    def select(self, documents: Sequence[HighlightedDocument], assembler: Assembler) -> Masks:
        """Keep what ``inner`` keeps and the best of the rest until there are enough."""
        masks = chosen(self.inner, documents, assembler)
        for document, mask in zip(documents, masks, strict=True):
            self._top_up([document], [mask], self.per_document)
        self._top_up(documents, masks, self.per_query)
        return masks

    def _top_up(self, documents: Sequence[HighlightedDocument], masks: Masks, least: int) -> None:
        order = ranked(documents)
        missing = least - sum(masks[i][j] for i, j in order)
        floor = self.floor or 0.0
        spare = [(i, j) for i, j in order if not masks[i][j] and documents[i].scores[j] >= floor]
        for i, j in spare[: max(0, missing)]:
            masks[i][j] = True
