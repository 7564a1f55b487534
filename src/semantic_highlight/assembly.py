"""From a keep mask to the pruned text: what belongs together stays together, and slices are joined."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from semantic_highlight.types import (
    HighlightedDocument,
    Piece,
    PrunedDocument,
    Savings,
    Sentence,
    TokenCounter,
)


@dataclass(frozen=True, slots=True)
class Assembler:
    """Puts kept sentences together and knows what the result costs.

    Selectors get one, so that a budget counts exactly the text that the reader will get.

    Attributes:
        counter: Counts tokens.
        gap: What stands for a dropped run, for example ``" […] "``; used only where it is shorter than
            the run and counts fewer tokens. Empty for nothing.
    """

    counter: TokenCounter
    gap: str = ""
    # A budget lays the same documents out many times.
    _originals: dict[str, int] = field(default_factory=dict, init=False, repr=False, compare=False)

    def pieces(self, document: HighlightedDocument, keep: Sequence[bool]) -> tuple[Piece, ...]:
        """Return the runs of the pruned text: maximal kept slices, and gap marks between them.

        The marks never make it cost more tokens than the original: where they would, there are none.
        The slices alone can cost more only if the counter counts a part of the text higher than the whole,
        as a tokenizer may where the splitter cuts inside a token.
        """
        runs = _runs(document, completed(document, keep))
        pieces = self._laid_out(document.text, runs, self.gap)
        # A text may count more than its parts, so marks that save tokens one by one need not do so together.
        if any(piece.is_gap for piece in pieces) and self._tokens(pieces) > self._before(document):
            return self._laid_out(document.text, runs, "")
        return pieces

    def size(self, document: HighlightedDocument, keep: Sequence[bool]) -> int:
        """Return the tokens of the pruned text, counted whole."""
        return self._tokens(self.pieces(document, keep))

    def prune(self, document: HighlightedDocument, keep: Sequence[bool], *, selector: str) -> PrunedDocument:
        """Return the document with only the sentences of ``keep`` and what must stand beside them.

        Args:
            document: A scored document.
            keep: One flag for every span.
            selector: A readable form of the policy that chose them.
        """
        done = completed(document, keep)
        pieces = self.pieces(document, done)
        savings = Savings(
            tokens_before=self._before(document),
            tokens_after=self._tokens(pieces),
            token_counter=self.counter.name,
            exact=self.counter.exact,
        )
        sentences = tuple(
            Sentence(span.start, span.end, score, kept, span.kind)
            for span, score, kept in zip(document.spans, document.scores, done, strict=True)
        )
        return PrunedDocument(
            document.text, pieces, sentences, document.relevance, savings, document.model, selector
        )

    def _before(self, document: HighlightedDocument) -> int:
        if document.text not in self._originals:
            self._originals[document.text] = self.counter.count(document.text)
        return self._originals[document.text]

    def _tokens(self, pieces: Sequence[Piece]) -> int:
        return self.counter.count("".join(piece.text for piece in pieces))

    def _laid_out(self, text: str, runs: Sequence[tuple[int, int]], gap: str) -> tuple[Piece, ...]:
        def saves(dropped: str) -> bool:
            # Characters are compared too, so that the pruned text is never longer than the original.
            return 0 < len(gap) < len(dropped) and self.counter.count(gap) < self.counter.count(dropped)

        pieces = []
        offset = 0
        for start, end, is_gap in _with_gaps(text, runs, gap, saves):
            shown = gap if is_gap else text[start:end]
            pieces.append(Piece(offset, shown, start, end, is_gap))
            offset += len(shown)
        return tuple(pieces)


def completed(document: HighlightedDocument, keep: Sequence[bool]) -> list[bool]:
    """Return ``keep`` with what must stand beside a kept sentence.

    A kept table row keeps the header of its table. White space is kept between two kept sentences, and
    at an end of the text beside a kept one. A document of nothing but white space is kept as it is.
    """
    blank = [span.is_blank(document.text) for span in document.spans]
    if all(blank):
        return [True] * len(blank)
    # A selector may count in numpy, whose booleans are not JSON.
    done = [bool(kept) and not empty for kept, empty in zip(keep, blank, strict=True)]
    for row, header in table_headers(document).items():
        if done[row]:
            for line in header:
                done[line] = True
    before = _carried(done, blank)
    after = _carried(done[::-1], blank[::-1])[::-1]
    return [
        left and right if empty else kept
        for kept, empty, left, right in zip(done, blank, before, after, strict=True)
    ]


def table_headers(document: HighlightedDocument) -> dict[int, list[int]]:
    """Return the index of every table row with the indices of its header's lines, which stand beside it."""
    headers: dict[int, list[int]] = {}
    header: list[int] = []
    previous = None
    for index, span in enumerate(document.spans):
        if span.kind == "table_header":
            header = [*header, index] if previous == "table_header" else [index]
        elif span.kind != "table_row":
            header = []
        else:
            headers[index] = header
        previous = span.kind
    return headers


def _carried(done: Sequence[bool], blank: Sequence[bool]) -> list[bool]:
    """For every span, whether the nearest sentence up to it is kept; true where there is none."""
    nearest = True
    carried = []
    for kept, empty in zip(done, blank, strict=True):
        nearest = nearest if empty else kept
        carried.append(nearest)
    return carried


def _runs(document: HighlightedDocument, done: Sequence[bool]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for span, kept in zip(document.spans, done, strict=True):
        if not kept or span.start == span.end:
            continue
        start = runs.pop()[0] if runs and runs[-1][1] == span.start else span.start
        runs.append((start, span.end))
    return runs


def _with_gaps(
    text: str, runs: Sequence[tuple[int, int]], gap: str, saves: Callable[[str], bool]
) -> Iterator[tuple[int, int, bool]]:
    """Yield ``(start, end, is_gap)``: the runs, reaching back over the white space they need, and marks.

    A dropped text gets a mark where it ``saves``.
    """
    at = 0
    written = ""
    for start, end in runs:
        space = at + len(text[at:start].rstrip())
        if saves(text[at:space]):
            yield at, space, True
            written = gap
        begin = space if _needs(text[space:start], written) else start
        yield begin, end, False
        at, written = end, text[end - 1]
    if runs and saves(text[at:]):
        yield at, len(text), True


def _needs(space: str, written: str) -> bool:
    """Whether the text would run together without the ``space`` that ended a dropped run.

    A heading or list item must not land in the middle of a line, nor two words become one.
    """
    if not space or not written:
        return False
    breaks_line = "\n" in space or "\r" in space
    return not written.endswith(("\n", "\r")) if breaks_line else not written[-1].isspace()
