"""Query and document to the windows of checkpoints that read a pair: ``query``, then ``context``."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from semantic_highlight.models.family import Traits
from semantic_highlight.models.packed.pairs import as_utf8, span_ranges
from semantic_highlight.types import Span
from semantic_highlight.windows import TokenRange, pack

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

QUERY_SHARE = 3
"""A query may fill a third of a window: its first tokens are kept, and a document still has most of it."""
TITLE_SHARE = 4
"""The title that later windows repeat may fill a quarter of what the query leaves; its first tokens stay."""
OVERLAP = 128
"""Most tokens that a window repeats of the one before it, the stride on OpenSearch's model card; at most a
quarter of what the query leaves."""

_PUNCTUATION = str.maketrans("", "", string.punctuation)


@dataclass(frozen=True, slots=True)
class PairWindow:
    """One model input without padding.

    Attributes:
        ids: ``[length]`` int64, special tokens included.
        types: ``[length]`` int64.
        place: Where the first of ``tokens`` stands in ``ids``; the others follow it side by side. What
            stands before it is there to be read and is not scored.
        tokens: Range of the document's tokens that it scores.
    """

    ids: NDArray[np.int64]
    types: NDArray[np.int64]
    place: int
    tokens: TokenRange


@dataclass(frozen=True, slots=True)
class TokenisedDocument:
    """The tokens of a text, and which of them make up which sentence.

    Attributes:
        ids: ``[tokens]`` int64, without special tokens.
        sentences: For every span the half-open range of its tokens; in order, without gaps.
        title: The tokens of the heading that the text opens with, empty without one.
    """

    ids: NDArray[np.int64]
    sentences: list[TokenRange]
    title: TokenRange


class WindowBuilder:
    """Builds the windows of a query and its documents as the traits of a checkpoint say.

    A window is ``max_length`` tokens at most, with every special token counted; XLM-R has four of them.
    What does not fit goes on in the next window, so that nothing is left unscored.

    Args:
        tokenizer: Without truncation and padding: it then keeps no state, and threads may share it.
        traits: Of the checkpoint.
    """

    def __init__(self, tokenizer: Tokenizer, traits: Traits) -> None:
        self._tokenizer = tokenizer
        self._traits = traits
        layout = traits.layout
        self._room = traits.max_length - len(layout.before) - len(layout.between) - len(layout.after)

    def query_ids(self, query: str) -> NDArray[np.int64]:
        """Return the ids of a query, cut to its first tokens where it would fill a third of a window."""
        asked = (normalised(query) or query) if self._traits.normalise_query else query
        ids = self._tokenizer.encode(as_utf8(asked), add_special_tokens=False).ids
        return np.array(ids[: self._room // QUERY_SHARE], dtype=np.int64)

    def documents(self, texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> list[TokenisedDocument]:
        """Tokenise texts, all in one call of the tokenizer."""
        clean = [as_utf8(text) for text in texts]
        tokenised = self._apart(clean, spans) if self._traits.sentences_apart else self._whole(clean, spans)
        return [
            TokenisedDocument(ids, ranges, _title(some, ranges))
            for (ids, ranges), some in zip(tokenised, spans, strict=True)
        ]

    def _whole(
        self, texts: list[str], spans: Sequence[Sequence[Span]]
    ) -> list[tuple[NDArray[np.int64], list[TokenRange]]]:
        encoded = self._tokenizer.encode_batch(texts, add_special_tokens=False)
        return [
            (np.array(one.ids, dtype=np.int64), span_ranges(_word_offsets(text, one.offsets), some))
            for one, text, some in zip(encoded, texts, spans, strict=True)
        ]

    def _apart(
        self, texts: list[str], spans: Sequence[Sequence[Span]]
    ) -> list[tuple[NDArray[np.int64], list[TokenRange]]]:
        sentences = [span.of(text) for text, some in zip(texts, spans, strict=True) for span in some]
        encoded = iter(self._tokenizer.encode_batch(sentences, add_special_tokens=False))
        tokenised = []
        for some in spans:
            parts = [next(encoded).ids for _ in some]
            ends = np.cumsum([0, *map(len, parts)]).tolist()
            ids = np.array([token for part in parts for token in part], dtype=np.int64)
            tokenised.append((ids, list(pairwise(ends))))
        return tokenised

    def windows(self, query: NDArray[np.int64], document: TokenisedDocument) -> list[PairWindow]:
        """Cut a document into windows along its sentences.

        A document that fits is one window. Of a longer one each window but the first opens with the title
        again, and repeats some sentences of the window before it.
        """
        room = self._room - len(query)
        if len(document.ids) <= room:
            return [self._window(query, document, (0, len(document.ids)))] if len(document.ids) else []
        first, last = document.title
        title = document.ids[first : min(last, first + room // TITLE_SHARE)]
        room -= len(title)
        overlap = min(OVERLAP, room // 4)
        packed = pack(_cut(document.sentences, room, overlap), room=room, longest=room, overlap=overlap)
        ranges = [(blocks[0][0], blocks[-1][1]) for blocks in packed]
        return [
            self._window(query, document, tokens, title if tokens[0] >= last else title[:0])
            for tokens in ranges
        ]

    def _window(
        self,
        query: NDArray[np.int64],
        document: TokenisedDocument,
        tokens: TokenRange,
        title: Sequence[int] | NDArray[np.int64] = (),
    ) -> PairWindow:
        layout = self._traits.layout
        context = document.ids[slice(*tokens)]
        parts = (layout.before, query, layout.between, title, context, layout.after)
        ids = np.concatenate([np.asarray(part, dtype=np.int64) for part in parts])
        place = len(ids) - len(layout.after) - len(context)
        types = np.zeros_like(ids)
        types[place - len(title) :] = layout.context_type
        return PairWindow(ids, types, place, tokens)


def normalised(query: str) -> str:
    """Return a query in lower case, without ASCII punctuation and with single spaces.

    This is what Provence does to a query before it is read. Like SQuAD's normalisation of answers, but
    with its articles.
    """
    return " ".join(query.lower().translate(_PUNCTUATION).split())


def _word_offsets(text: str, offsets: list[tuple[int, int]]) -> NDArray[np.int64]:
    """Return offsets that begin at a token's first character that is no white space.

    Tokenizers of the SentencePiece kind count the space before a word as part of it; that space ends the
    sentence before, and the word would be counted there.
    """
    starts, ends = np.array(offsets, dtype=np.int64).reshape(-1, 2).T
    if not len(starts):
        return np.zeros((0, 2), dtype=np.int64)
    blank = np.fromiter(map(str.isspace, text), bool, len(text))
    at = np.where(blank, len(text), np.arange(len(text)))
    next_character = np.minimum.accumulate(at[::-1])[::-1]
    moved = next_character[np.minimum(starts, len(text) - 1)]
    begins = np.maximum.accumulate(np.where(moved < ends, moved, starts))
    return np.stack([begins, ends], axis=1)


def _title(spans: Sequence[Span], ranges: list[TokenRange]) -> TokenRange:
    filled = (i for i, (first, last) in enumerate(ranges) if first < last)
    opening = next(filled, None)
    is_title = opening is not None and spans[opening].kind == "heading"
    return ranges[opening] if is_title and opening is not None else (0, 0)


def _cut(sentences: Sequence[TokenRange], room: int, overlap: int) -> list[TokenRange]:
    """Cut each sentence that no window can hold into parts that are small enough to be repeated."""
    parts = []
    for first, last in sentences:
        step = room if last - first <= room else max(overlap, 1)
        parts += [(begin, min(begin + step, last)) for begin in range(first, last, step)]
    return parts
