"""The door to everything: a query and texts in, scored or pruned documents out."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Sequence, Sized
from pathlib import Path
from typing import Any

from semantic_highlight import savings
from semantic_highlight.assembly import Assembler
from semantic_highlight.calibration import Calibration, as_calibration
from semantic_highlight.errors import InputError, ScoringError, SemanticHighlightError
from semantic_highlight.lexical import LexicalScorer
from semantic_highlight.selection import Selector, Threshold
from semantic_highlight.selection.base import check_selector, chosen
from semantic_highlight.splitting import split
from semantic_highlight.tokens import as_counter
from semantic_highlight.types import (
    BUNDLED,
    DocumentScores,
    HighlightedDocument,
    PrunedDocument,
    Scorer,
    Span,
    Splitter,
    TokenCounter,
)

Counter = str | Callable[[str], int] | TokenCounter
"""The name of a tiktoken encoding, a function from a text to its tokens, or a counter."""


class Highlighter:
    """Finds the sentences that answer a query, and drops the others.

    Always a list in and a list out, in the same order and of the same length. Safe to use from threads,
    cheap to make, and can be pickled if its parts can.

    Args:
        scorer: What scores sentences.
        splitter: What cuts a text into sentences.
        selector: Which sentences to keep; by default those above the scorer's own threshold.
        counter: What counts tokens: the name of a tiktoken encoding, a function, or a counter.
        gap: What stands for dropped sentences, for example ``" […] "``; used only where it is shorter
            than what it stands for and counts fewer tokens.
        calibration: A threshold fitted to your own examples, or the path of its file, instead of the
            scorer's own; ``semantic-highlight calibrate`` makes one.

    Raises:
        InputError: If the counter, the selector or the calibration cannot be used.
    """

    def __init__(
        self,
        scorer: Scorer,
        *,
        splitter: Splitter = split,
        selector: Selector | None = None,
        counter: Counter = "o200k_base",
        gap: str = "",
        calibration: Calibration | str | Path | None = None,
    ) -> None:
        if selector is not None:
            check_selector("the selector", selector)
        self.scorer = scorer
        self.splitter = splitter
        self.selector = selector if calibration is None else calibrated(calibration, scorer, selector)
        self.counter = as_counter(counter)
        self.gap = gap

    @classmethod
    def from_pretrained(
        cls,
        checkpoint: str | Path = BUNDLED,
        *,
        splitter: Splitter = split,
        selector: Selector | None = None,
        counter: Counter = "o200k_base",
        gap: str = "",
        calibration: Calibration | str | Path | None = None,
        **loading: Any,
    ) -> Highlighter:
        """Make a highlighter with a trained model; by default the one that ships with the package.

        Args:
            checkpoint: ``"bundled"``, a folder, or a Hugging Face id.
            splitter: What cuts a text into sentences.
            selector: Which sentences to keep; by default those above the model's own threshold.
            counter: What counts tokens.
            gap: What stands for dropped sentences.
            calibration: A threshold fitted to your own examples, or the path of its file.
            **loading: Passed to ``semantic_highlight.models.load_scorer``.

        Raises:
            CheckpointError: If the checkpoint cannot be loaded.
            MissingExtraError: If it needs a library that is not installed.
            InputError: If the calibration is another model's, or cannot be read.
        """
        from semantic_highlight.models import load_scorer

        scorer = load_scorer(checkpoint, **loading)
        return cls(
            scorer,
            splitter=splitter,
            selector=selector,
            counter=counter,
            gap=gap,
            calibration=calibration,
        )

    @classmethod
    def lexical(
        cls,
        *,
        splitter: Splitter = split,
        selector: Selector | None = None,
        counter: Counter = "o200k_base",
        gap: str = "",
        calibration: Calibration | str | Path | None = None,
    ) -> Highlighter:
        """Make a highlighter that needs no model: BM25 over sentences, English and Chinese."""
        return cls(
            LexicalScorer(),
            splitter=splitter,
            selector=selector,
            counter=counter,
            gap=gap,
            calibration=calibration,
        )

    @property
    def default_selector(self) -> Selector:
        """What chooses where a call names no selector: the highlighter's own, or else the scorer's."""
        if self.selector is not None:
            return self.selector
        selector: Selector | None = getattr(self.scorer, "default_selector", None)
        return selector if selector is not None else Threshold(self.scorer.default_threshold)

    def highlight(self, query: str, texts: Sequence[str]) -> list[HighlightedDocument]:
        """Score every sentence of every text and drop nothing.

        Args:
            query: What is asked.
            texts: The documents. Empty ones are fine.

        Raises:
            InputError: If the query is blank, or ``texts`` is no sequence of strings.
            ScoringError: If the scorer fails or returns anything but a score in [0, 1] for each sentence.
        """
        _check_input(query, texts)
        spans = [self._split(text) for text in texts]
        scores = [DocumentScores((0.0,) * len(some), 0.0) for some in spans]
        # A model has nothing to read in white space, so no scorer ever sees a text of nothing else.
        full = [index for index, text in enumerate(texts) if text.strip()]
        scored = self._score(query, [texts[index] for index in full], [spans[index] for index in full])
        for index, found in zip(full, scored, strict=True):
            scores[index] = found
        model = self.scorer.name
        return [
            HighlightedDocument(text, some, tuple(map(float, one.sentences)), float(one.relevance), model)
            for text, some, one in zip(texts, spans, scores, strict=True)
        ]

    def select(
        self, documents: Sequence[HighlightedDocument], *, selector: Selector | None = None
    ) -> list[PrunedDocument]:
        """Choose among sentences that are scored already, as often as you like.

        Args:
            documents: What ``highlight`` returned for one query.
            selector: Instead of the highlighter's own.

        Raises:
            InputError: If the selector cannot be used, or returns anything but a flag for each sentence.
        """
        using = selector if selector is not None else self.default_selector
        check_selector("the selector", using)
        assembler = Assembler(self.counter, self.gap)
        masks = chosen(using, documents, assembler)
        name = repr(using)
        return [
            assembler.prune(document, mask, selector=name)
            for document, mask in zip(documents, masks, strict=True)
        ]

    def prune(
        self, query: str, texts: Sequence[str], *, selector: Selector | None = None
    ) -> list[PrunedDocument]:
        """Drop the sentences that do not answer the query.

        A text of which nothing is kept comes back with an empty ``text``, in its place. What is saved
        counts in every open ``track_savings``.

        Args:
            query: What is asked.
            texts: The documents. Empty ones are fine.
            selector: Instead of the highlighter's own.

        Raises:
            InputError: If the query is blank, ``texts`` is no sequence of strings, or the selector cannot
                be used.
            ScoringError: If the scorer fails or returns anything but a score in [0, 1] for each sentence.
        """
        pruned = self.select(self.highlight(query, texts), selector=selector)
        savings.report(document.savings for document in pruned)
        return pruned

    def _split(self, text: str) -> tuple[Span, ...]:
        spans = tuple(self.splitter(text))
        ends = [0, *(span.end for span in spans)]
        if [*(span.start for span in spans), len(text)] != ends or ends != sorted(ends):
            raise InputError("the splitter must return spans that tile the text: in order, no gap or overlap")
        return spans

    def _score(
        self, query: str, texts: Sequence[str], spans: Sequence[tuple[Span, ...]]
    ) -> list[DocumentScores]:
        if not texts:
            return []
        try:
            scored = list(self.scorer.score(query, texts, spans))
        except SemanticHighlightError:
            raise
        except Exception as error:
            # A scorer may be anybody's; one error to catch is what lets a chain fail open.
            msg = f"the scorer {self.scorer.name} failed: {type(error).__name__}: {error}"
            raise ScoringError(msg) from error
        if (fault := _fault(scored, spans)) is not None:
            raise ScoringError(f"the scorer {self.scorer.name} returned {fault}")
        return scored


def calibrated(
    calibration: Calibration | str | Path, scorer: Scorer, selector: Selector | None = None
) -> Selector:
    """Return the selector that a calibration stands for.

    Args:
        calibration: The calibration, or the path of its file.
        scorer: What scores the sentences that it selects from.
        selector: What was asked for beside it, which must be nothing.

    Raises:
        InputError: If it was fitted to another scorer or cannot be read, or there is a selector too.
    """
    loaded = as_calibration(calibration)
    if selector is not None:
        raise InputError(
            f"calibration and the selector {selector!r} exclude each other: to combine them, put "
            f"Threshold({loaded.threshold:g}) into the selector"
        )
    loaded.check_model(scorer.name)
    return Threshold(loaded.threshold)


def _fault(scored: Sequence[object], spans: Sequence[Sequence[Span]]) -> str | None:
    """Say what is wrong with the scores, if anything."""
    if len(scored) != len(spans):
        return f"{len(scored)} documents for {len(spans)}"
    for scores, some in zip(scored, spans, strict=True):
        if not isinstance(scores, DocumentScores):
            return f"{reprlib.repr(scores)}: it must return one DocumentScores for every document"
        if not isinstance(scores.sentences, Sized):
            return f"{scores.sentences!r} for {len(some)} sentences: use a tuple with one score for each"
        if len(scores.sentences) != len(some):
            return f"{len(scores.sentences)} scores for {len(some)} sentences"
        for score in (*scores.sentences, scores.relevance):
            if not _is_score(score):
                return f"{score!r}: a score is 0.0 to 1.0"
    return None


def _is_score(value: Any) -> bool:
    # Not by type: a scorer may count in numpy or torch. Strings are refused before ``float`` reads them.
    try:
        return not isinstance(value, str | bytes) and 0.0 <= float(value) <= 1.0  # false of NaN
    except (TypeError, ValueError, OverflowError, RuntimeError):  # the last of a torch tensor of several
        return False


def _check_input(query: str, texts: Sequence[str]) -> None:
    if not isinstance(query, str) or not query.strip():
        raise InputError(f"the query is {query!r}: pass what is asked, as a string that is not blank")
    if isinstance(texts, str | bytes) or not isinstance(texts, Sequence):
        raise InputError(f"texts is {type(texts).__name__}: pass a list of strings, [text] for one text")
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(f"texts[{index}] is {type(text).__name__}: every text must be a string")
