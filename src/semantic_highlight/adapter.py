"""What the framework adapters share and no framework owns.

An adapter translates between its framework and :class:`Pruner`; every decision is made here: which
texts are passed through, what happens when pruning fails, what the record says.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal, get_args

from semantic_highlight.assembly import Assembler
from semantic_highlight.calibration import Calibration
from semantic_highlight.errors import InputError
from semantic_highlight.highlighter import Highlighter, calibrated
from semantic_highlight.record import build_record, unpruned_record
from semantic_highlight.selection import Selector, Threshold
from semantic_highlight.selection.base import Masks, Policy, check_count, check_selector, chosen
from semantic_highlight.tokens import EstimatedCounter
from semantic_highlight.types import HighlightedDocument, PrunedDocument, Savings, TokenCounter

logger = logging.getLogger(__name__)

OnError = Literal["pass_through", "raise"]
"""``pass_through``: log it, leave the texts as they are and name the error in the record."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one text.

    Attributes:
        text: What the reader gets.
        record: What goes into the metadata, as plain JSON values.
        savings: Tokens before and after this pass, whatever earlier passes did.
        relevance: How relevant the text is to the query, in [0, 1]; None where it was not scored.
        emptied: Whether there was a text and nothing of it was kept.
    """

    text: str
    record: dict[str, Any]
    savings: Savings
    relevance: float | None = None
    emptied: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class KeepAllIfEmpty(Policy):
    """Keeps every sentence where another policy keeps none of any document.

    Args:
        inner: The other policy.
    """

    inner: Selector

    def select(self, documents: Sequence[HighlightedDocument], assembler: Assembler) -> Masks:
        """Keep what ``inner`` keeps, or all."""
        masks = chosen(self.inner, documents, assembler)
        return masks if any(map(any, masks)) else [[True] * len(mask) for mask in masks]


_making = threading.Lock()


def default_highlighter() -> Highlighter:
    """Return the highlighter of adapters that were given none: one for the process, made at first use."""
    with _making:  # functools.cache holds no lock while it computes: each thread would load a model
        return _default_highlighter()


@functools.cache
def _default_highlighter() -> Highlighter:
    return Highlighter.from_pretrained()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruner:
    """Prunes texts on behalf of a framework: passes small ones through, fails open, keeps records.

    Args:
        highlighter: What scores and prunes; :func:`default_highlighter` where None.
        selector: Which sentences to keep; the highlighter's own where None.
        calibration: A threshold fitted to your own examples, instead of a selector.
        include_sentences: Whether records list every sentence with its offsets and score.
        min_tokens: Texts of fewer tokens are passed through, unscored and outside any token budget.
            The work on a small text can cost more time than it saves.
        together: Whether ``min_tokens`` is about all texts of a call together.
        wrapper: Put around the selector, so that the record shows it too; for example ``MinKept``.
        on_error: What to do when anything fails while pruning.

    Raises:
        InputError: If an option cannot be used. Whatever ``on_error`` says: options are not data.
    """

    highlighter: Highlighter | None = None
    selector: Selector | None = None
    calibration: Calibration | None = None
    include_sentences: bool = False
    min_tokens: int = 0
    together: bool = False
    wrapper: Callable[[Selector], Selector] | None = None
    on_error: OnError = "pass_through"

    def __post_init__(self) -> None:
        if self.highlighter is not None and not isinstance(self.highlighter, Highlighter):
            raise InputError(
                f"highlighter is {self.highlighter!r}: pass a Highlighter, or None for the default"
            )
        if self.selector is not None:
            check_selector("selector", self.selector)
        if self.calibration is not None:
            calibrated(self.calibration, (self.highlighter or default_highlighter()).scorer, self.selector)
        check_count("min_tokens", self.min_tokens, least=0)
        if self.on_error not in get_args(OnError):
            raise InputError(f"on_error is {self.on_error!r}: use 'pass_through' or 'raise'")

    def prune(self, query: str, texts: Sequence[str], previous: Sequence[object]) -> list[Outcome]:
        """Prune texts; one outcome a text, in order.

        Args:
            query: What is asked.
            texts: The texts of one query.
            previous: For every text what stood under the metadata key before, None for nothing.

        Raises:
            SemanticHighlightError: Only with ``on_error="raise"``.
        """
        if not texts:
            return []
        highlighter = self.highlighter or default_highlighter()
        try:
            return self._prune(highlighter, query, texts, previous)
        except Exception as error:
            # Any error: a chain must not lose its answer because its context could not be made shorter.
            if self.on_error == "raise":
                raise
            logger.warning("pruning failed, the texts are passed on as they are", exc_info=True)
            reason = f"{type(error).__name__}: {error}"
            savings = _unchanged(texts, highlighter.counter)
            return [
                Outcome(text, unpruned_record(same, error=reason, previous=before), same)
                for text, same, before in zip(texts, savings, previous, strict=True)
            ]

    def _prune(
        self, highlighter: Highlighter, query: str, texts: Sequence[str], previous: Sequence[object]
    ) -> list[Outcome]:
        small = self._small(texts, highlighter.counter)
        large = [text for text, passed in zip(texts, small, strict=True) if not passed]
        selector = self._selector(highlighter)
        pruned = iter(highlighter.prune(query, large, selector=selector) if large else [])
        return [
            self._passed(text, before, highlighter.counter) if passed else self._pruned(next(pruned), before)
            for text, passed, before in zip(texts, small, previous, strict=True)
        ]

    def _small(self, texts: Sequence[str], counter: TokenCounter) -> list[bool]:
        if not self.min_tokens:
            return [False] * len(texts)
        counts = [counter.count(text) for text in texts]
        if self.together:
            counts = [sum(counts)] * len(texts)
        return [count < self.min_tokens for count in counts]

    def _selector(self, highlighter: Highlighter) -> Selector | None:
        given = Threshold(self.calibration.threshold) if self.calibration else self.selector
        if self.wrapper is None:
            return given
        return self.wrapper(given or highlighter.default_selector)

    def _passed(self, text: str, previous: object, counter: TokenCounter) -> Outcome:
        (savings,) = _unchanged([text], counter)
        return Outcome(text, unpruned_record(savings, skipped="under min_tokens", previous=previous), savings)

    def _pruned(self, document: PrunedDocument, previous: object) -> Outcome:
        record = build_record(document, include_sentences=self.include_sentences, previous=previous)
        text = document.text
        return Outcome(
            text, record, document.savings, document.relevance, bool(document.original) and not text
        )


def _unchanged(texts: Sequence[str], counter: TokenCounter) -> list[Savings]:
    try:
        counts = [counter.count(text) for text in texts]
    except Exception:  # noqa: BLE001 - the counter may be what failed, and it may be anybody's
        counter = EstimatedCounter()
        counts = [counter.count(text) for text in texts]
    return [Savings(count, count, counter.name, counter.exact) for count in counts]


def copied_values(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata with its values copied; those that cannot be, such as a lock, are shared."""
    return {key: _copied_value(value) for key, value in metadata.items()}


def _copied_value(value: Any) -> Any:
    try:
        return deepcopy(value)
    except Exception:  # noqa: BLE001 - it is anybody's value, and the texts are pruned already
        return value


def best(outcomes: Sequence[Outcome], *, reorder: bool, top_n: int | None) -> list[int]:
    """Return the indices of the most relevant outcomes.

    Where any was not scored they cannot be compared, and all are returned in their order.

    Args:
        outcomes: The outcomes of one query.
        reorder: The most relevant first, of equal ones the earlier; otherwise in their order.
        top_n: How many; all where None.
    """
    indices = list(range(len(outcomes)))
    relevance = [outcome.relevance for outcome in outcomes if outcome.relevance is not None]
    if len(relevance) < len(indices):
        return indices
    ranking = sorted(indices, key=lambda index: -relevance[index])[:top_n]
    return ranking if reorder else sorted(ranking)


def totals(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """Return what one call saved, for tracers, as plain JSON values: the sums over at least one outcome."""
    outcomes = list(outcomes)
    before = sum(outcome.savings.tokens_before for outcome in outcomes)
    after = sum(outcome.savings.tokens_after for outcome in outcomes)
    whole = Savings(before, after, outcomes[0].savings.token_counter)
    return {
        "documents": len(outcomes),
        "documents_emptied": sum(outcome.emptied for outcome in outcomes),
        "tokens_before": before,
        "tokens_after": after,
        "tokens_saved": whole.tokens_saved,
        "compression_rate": round(whole.compression_rate, 4),
        "token_counter": whole.token_counter,
        "exact": all(outcome.savings.exact for outcome in outcomes),
        "model": _first(outcomes, "model"),
        "selector": _first(outcomes, "selector"),
        "error": _first(outcomes, "error"),
    }


def _first(outcomes: Iterable[Outcome], key: str) -> Any:
    return next((o.record[key] for o in outcomes if o.record.get(key) is not None), None)
