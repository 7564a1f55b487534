"""The policies that choose by score: a threshold, a number of sentences, a number of tokens."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from semantic_highlight.assembly import Assembler, completed, table_headers
from semantic_highlight.selection.base import (
    Masks,
    Place,
    Policy,
    Selector,
    check_count,
    check_selector,
    check_share,
    chosen,
    masks_of,
    ranked,
)
from semantic_highlight.types import HighlightedDocument


@dataclass(frozen=True, slots=True, repr=False)
class Threshold(Policy):
    """Keeps the sentences that score above a value, strictly, as Provence and Open Provence do.

    Args:
        value: 0.0 to 1.0. At 1.0 nothing is kept.

    Raises:
        InputError: If the value is outside its range.
    """

    value: float = 0.5

    def __post_init__(self) -> None:
        check_share("Threshold value", self.value)

    def select(self, documents: Sequence[HighlightedDocument], assembler: Assembler) -> Masks:  # noqa: ARG002 - no budget
        """Keep what scores above the value."""
        places = [(i, j) for i, j in ranked(documents) if documents[i].scores[j] > self.value]
        return masks_of(documents, places)


@dataclass(frozen=True, slots=True, repr=False)
class TopK(Policy):
    """Keeps the best sentences of the whole query, wherever they stand.

    Args:
        n: How many, at least 1.

    Raises:
        InputError: If the number is below 1.
    """

    n: int

    def __post_init__(self) -> None:
        check_count("TopK n", self.n, least=1)

    def select(self, documents: Sequence[HighlightedDocument], assembler: Assembler) -> Masks:  # noqa: ARG002 - no budget
        """Keep the best ``n``; of equal ones the earlier document and sentence."""
        return masks_of(documents, ranked(documents)[: self.n])


@dataclass(frozen=True, slots=True, repr=False)
class TokenBudget(Policy):
    """Keeps the best sentences of all documents that fit a number of tokens together.

    Sentences are taken by score; one that does not fit is skipped and the next is tried. Tokens are
    counted on the assembled texts, with table headers and gap marks, so the sum over the documents
    never exceeds the budget. (A document of nothing but white space is kept whatever it costs.)

    Args:
        n: Tokens for all documents together, at least 1.
        among: A policy to choose among, for example ``Neighbours(Threshold(0.3))``; all sentences
            where None.

    Raises:
        InputError: If the number is below 1, or ``among`` is no selector.
    """

    n: int
    among: Selector | None = None

    def __post_init__(self) -> None:
        check_count("TokenBudget n", self.n, least=1)
        if self.among is not None:
            check_selector("TokenBudget among", self.among)

    def select(self, documents: Sequence[HighlightedDocument], assembler: Assembler) -> Masks:
        """Keep the best that fit."""
        return _fitted(documents, self.n, self.among, assembler)


@dataclass(frozen=True, slots=True, repr=False)
class TargetCompression(Policy):
    """Removes at least a share of the tokens of all documents together, keeping the best that fit.

    Args:
        rate: The share of tokens to remove, 0.0 (none) to 1.0 (all), as in ``compression_rate``.
        among: A policy to choose among; all sentences where None.

    Raises:
        InputError: If the rate is outside its range, or ``among`` is no selector.
    """

    rate: float
    among: Selector | None = None

    def __post_init__(self) -> None:
        check_share("TargetCompression rate", self.rate)
        if self.among is not None:
            check_selector("TargetCompression among", self.among)

    def select(self, documents: Sequence[HighlightedDocument], assembler: Assembler) -> Masks:
        """Keep the best that fit what the rate leaves."""
        before = sum(assembler.counter.count(document.text) for document in documents)
        # Rounded so that 100 tokens at a rate of 0.55, which is 55.00000000000001 in floats, leave 45.
        budget = before - math.ceil(round(before * self.rate, 6))
        return _fitted(documents, budget, self.among, assembler)


def _fitted(
    documents: Sequence[HighlightedDocument], budget: int, among: Selector | None, assembler: Assembler
) -> Masks:
    allowed = chosen(among, documents, assembler) if among is not None else None
    order = ranked(documents, allowed)

    def cost(taken: int) -> int:
        masks = masks_of(documents, order[:taken])
        return sum(map(assembler.size, documents, masks))

    # The last sentences can take more gap marks away than they cost, so all may fit where fewer do not.
    if cost(len(order)) <= budget:
        return masks_of(documents, order)
    # Marks aside the cost grows with what is taken, so the first sentence that does not fit is found by
    # bisection: about ten countings of the kept text instead of one for every sentence.
    taken = bisect_right(range(len(order)), budget, key=cost) - 1
    if taken < 0:
        return masks_of(documents, [])
    masks = masks_of(documents, order[:taken])
    _fill(documents, masks, order[taken + 1 :], budget, assembler)
    return masks


def _fill(
    documents: Sequence[HighlightedDocument],
    masks: Masks,
    places: Sequence[Place],
    budget: int,
    assembler: Assembler,
) -> None:
    """Add to ``masks`` every place, in order, for which there is still room."""
    sizes = list(map(assembler.size, documents, masks))
    room = budget - sum(sizes)
    headers = list(map(table_headers, documents))
    kept = list(map(completed, documents, masks))
    for i, j in places:
        # What is too long by itself, a table row with its header, is not worth counting the document for.
        lines = [line for line in headers[i].get(j, ()) if not kept[i][line]]
        added = "".join(documents[i].spans[line].of(documents[i].text) for line in (*lines, j))
        if assembler.counter.count(added) > room:
            continue
        masks[i][j] = True
        size = assembler.size(documents[i], masks[i])
        if size - sizes[i] <= room:
            room -= size - sizes[i]
            sizes[i] = size
            kept[i] = completed(documents[i], masks[i])
        else:
            masks[i][j] = False
