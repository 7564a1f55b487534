"""What a selection policy does to every record, as counts that can be summed over any of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from semantic_highlight.assembly import Assembler, completed
from semantic_highlight.evaluate.counts import f_beta, gold_whole, precision, recall, tokens_removed
from semantic_highlight.evaluate.scored import LabelledSentences
from semantic_highlight.types import HighlightedDocument

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from semantic_highlight.selection import Selector

DECIDED = (
    "precision",
    "recall",
    "f1",
    "f2",
    "tokens_removed",
    "tokens_removed_without_answer",
    "gold_whole",
)
"""The figures of a policy, in the order in which :func:`figures` returns them."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """What one policy keeps of every record, each record being pruned on its own.

    Attributes:
        policy: A readable form of the policy.
        kept: ``[sentences]``, whether the policy keeps each.
        delivered: ``[sentences]``, whether each is in the pruned text, as the assembly brings more along.
        tokens_after: ``[records]``, tokens of each pruned text, counted whole.
        counts: ``[records, 9]``, what :func:`figures` adds up.
    """

    policy: str
    kept: NDArray[np.bool_]
    delivered: NDArray[np.bool_]
    tokens_after: NDArray[np.int64]
    counts: NDArray[np.float64]


def decide(
    documents: Iterable[HighlightedDocument],
    sentences: LabelledSentences,
    *,
    selector: Selector,
    assembler: Assembler,
) -> Decisions:
    """Apply a policy to scored records.

    Args:
        documents: The scored records.
        sentences: Their sentences with the labels.
        selector: The policy.
        assembler: Puts the pruned texts together and counts their tokens.
    """
    kept: list[bool] = []
    delivered: list[bool] = []
    after = []
    for document in documents:
        (mask,) = selector.select([document], assembler)
        kept += mask
        delivered += completed(document, mask)
        after.append(assembler.size(document, mask))
    tokens_after = np.array(after, dtype=np.int64)
    masks = np.array(kept, dtype=bool), np.array(delivered, dtype=bool)
    return Decisions(repr(selector), *masks, tokens_after, _counts(sentences, *masks, tokens_after))


def _counts(
    sentences: LabelledSentences,
    kept: NDArray[np.bool_],
    delivered: NDArray[np.bool_],
    tokens_after: NDArray[np.int64],
) -> NDArray[np.float64]:
    gold, size = sentences.labels > 0, len(sentences.documents)

    def per_record(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.bincount(sentences.records[flags], minlength=size)

    answerable = per_record(gold) > 0
    before = sentences.document_tokens
    columns = (
        per_record(kept & gold),
        per_record(kept),
        per_record(gold),
        before,
        tokens_after,
        np.where(answerable, 0, before),
        np.where(answerable, 0, tokens_after),
        answerable & (per_record(gold & ~delivered) == 0),
        answerable,
    )
    return np.stack(columns, axis=1).astype(np.float64)


def figures(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the figures of summed counts, ``[rows, figures]`` in the order of ``DECIDED``."""
    hits, kept, gold, before, after, bare_before, bare_after, whole, answerable = sums.T
    return np.stack(
        [
            precision(hits, kept),
            recall(hits, gold),
            f_beta(hits, kept, gold, beta=1.0),
            f_beta(hits, kept, gold, beta=2.0),
            tokens_removed(before, after),
            tokens_removed(bare_before, bare_after),
            gold_whole(whole, answerable),
        ],
        axis=1,
    )
