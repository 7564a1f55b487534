"""The values that travel through the package: spans in, scored and pruned documents out."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from semantic_highlight import render
from semantic_highlight.errors import InputError

BUNDLED: Final = "bundled"
"""The name of the checkpoint that ships with the package."""

SpanKind = Literal["prose", "heading", "list_item", "table_header", "table_row", "code", "line"]
"""What a span is made of. ``line`` is a chat or log line; ``table_header`` includes the ``|---|`` row."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open range ``[start, end)`` of code points of a text."""

    start: int
    end: int
    kind: SpanKind = "prose"

    def of(self, text: str) -> str:
        """Return the slice of ``text`` that this span covers."""
        return text[self.start : self.end]

    def is_blank(self, text: str) -> bool:
        """Whether there is nothing but white space in the slice of ``text`` that this span covers."""
        return not text[self.start : self.end].strip()


Splitter = Callable[[str], list[Span]]
"""Text in, spans out that tile it: in order, no gap, no overlap."""


@dataclass(frozen=True, slots=True)
class DocumentScores:
    """What a scorer says of one document.

    Attributes:
        sentences: One score in [0, 1] for every span, in the order of the spans.
        relevance: How relevant the whole document is to the query, in [0, 1].
    """

    sentences: tuple[float, ...]
    relevance: float


class Scorer(Protocol):
    """Scores the spans of documents against a query.

    A score depends on the query and its own document alone, never on the other documents of the
    call, so that batching and order change nothing. Implementations are safe to call from threads.
    One for which a threshold is not enough may have a ``default_selector`` too, a selector that is
    used in the threshold's place when the caller names none.
    """

    @property
    def name(self) -> str:
        """The name that the savings record carries as ``model``."""

    @property
    def default_threshold(self) -> float:
        """The score above which a sentence is kept when the caller names no selector, in [0, 1]."""

    def score(
        self, query: str, texts: Sequence[str], spans: Sequence[Sequence[Span]]
    ) -> list[DocumentScores]:
        """Score every span of every text; one ``DocumentScores`` a text, in order."""


class TokenCounter(Protocol):
    """Counts the tokens of a text as the reader's model would."""

    @property
    def name(self) -> str:
        """The encoding, or ``estimate:<encoding>`` where the count is an estimate."""

    @property
    def exact(self) -> bool:
        """Whether ``count`` is the tokenizer's own count rather than an estimate."""

    def count(self, text: str) -> int:
        """Return the number of tokens of ``text``."""


@dataclass(frozen=True, slots=True)
class HighlightedDocument:
    """A document with a score for every sentence; nothing is dropped.

    Attributes:
        text: The document as it came.
        spans: The sentences, tiling ``text``.
        scores: One score in [0, 1] for every span.
        relevance: How relevant the whole document is to the query, in [0, 1].
        model: The name of the scorer.
    """

    text: str
    spans: tuple[Span, ...]
    scores: tuple[float, ...]
    relevance: float
    model: str

    @property
    def marks(self) -> list[render.Mark]:
        """The sentences as :mod:`semantic_highlight.render` shows them."""
        return [(s.start, s.end, score, True) for s, score in zip(self.spans, self.scores, strict=True)]

    def _repr_html_(self) -> str:
        return render.to_html(self.text, self.marks)


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a pruned document: where it stands in the original, its score, its fate."""

    start: int
    end: int
    score: float
    kept: bool
    kind: SpanKind = "prose"


@dataclass(frozen=True, slots=True)
class Savings:
    """Tokens before and after pruning.

    Attributes:
        tokens_before: Tokens of the original text.
        tokens_after: Tokens of the pruned text, counted whole.
        token_counter: The name of the counter, for example ``o200k_base``.
        exact: False when the counts are estimates.
    """

    tokens_before: int
    tokens_after: int
    token_counter: str
    exact: bool = True

    @property
    def tokens_saved(self) -> int:
        """Tokens removed."""
        return self.tokens_before - self.tokens_after

    @property
    def compression_rate(self) -> float:
        """Share of tokens removed, 0.0 to 1.0; 0.0 for an empty original.

        Provence uses the same word for a percentage of characters, LLMLingua's ``rate`` is the share kept.
        """
        return self.tokens_saved / self.tokens_before if self.tokens_before else 0.0

    def __str__(self) -> str:
        return (
            f"{self.tokens_before} → {self.tokens_after} tokens, "
            f"{self.compression_rate:.0%} saved ({self.token_counter})"
        )


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of a pruned text.

    Attributes:
        offset: Where it begins in the pruned text.
        text: ``original[start:end]``, or the gap mark that stands for that slice.
        start: Where the slice begins in the original.
        end: Where the slice ends in the original, exclusive.
        is_gap: Whether ``text`` is a gap mark instead of the slice.
    """

    offset: int
    text: str
    start: int
    end: int
    is_gap: bool = False


@dataclass(frozen=True, slots=True)
class PrunedDocument:
    """A document after selection: what is left, what was dropped, and what that saved.

    Attributes:
        original: The document as it came.
        pieces: The runs that make up ``text``, in order.
        sentences: Every sentence, kept and dropped, tiling ``original``.
        relevance: How relevant the whole document is to the query, in [0, 1].
        savings: Tokens before and after.
        model: The name of the scorer.
        selector: A readable form of the selection policy.
    """

    original: str
    pieces: tuple[Piece, ...]
    sentences: tuple[Sentence, ...]
    relevance: float
    savings: Savings
    model: str
    selector: str

    @property
    def text(self) -> str:
        """The pruned text: the kept slices of the original in reading order, never longer than it."""
        return "".join(piece.text for piece in self.pieces)

    @property
    def kept(self) -> tuple[Sentence, ...]:
        """The sentences that were kept."""
        return tuple(s for s in self.sentences if s.kept)

    @property
    def dropped(self) -> tuple[Sentence, ...]:
        """The sentences that were dropped, with the scores that dropped them."""
        return tuple(s for s in self.sentences if not s.kept)

    def original_offset(self, offset: int) -> int:
        """Map an offset in ``text`` to the offset in ``original`` of the same character.

        To map the range ``[a, b)`` of a citation, map ``a``, and map ``b - 1`` and add one.

        Args:
            offset: 0 to ``len(text)``; the length maps to the end of the last piece. Inside a gap
                mark it maps to the first dropped character.

        Raises:
            InputError: If ``offset`` is outside the pruned text.
        """
        length = len(self.text)
        if not 0 <= offset <= length:
            msg = f"offset {offset} is outside the pruned text: use 0 to {length}"
            raise InputError(msg)
        if offset == length:
            return self.pieces[-1].end if self.pieces else 0
        piece = self.pieces[bisect_right([p.offset for p in self.pieces], offset) - 1]
        return piece.start if piece.is_gap else piece.start + offset - piece.offset

    @property
    def marks(self) -> list[render.Mark]:
        """The sentences of the original as :mod:`semantic_highlight.render` shows them."""
        return [(s.start, s.end, s.score, s.kept) for s in self.sentences]

    def _repr_html_(self) -> str:
        return render.to_html(self.original, self.marks, caption=str(self.savings))
