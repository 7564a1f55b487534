"""Query and document to token ids: the one input format that training and every engine share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Tokenizer

from semantic_highlight.errors import CheckpointError
from semantic_highlight.models.packed.word_matches import lexical_features
from semantic_highlight.types import Span
from semantic_highlight.windows import TokenRange, pack

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SURROGATES = re.compile("[\ud800-\udfff]")

QUERY_TYPE, CONTEXT_TYPE, SHARED_TYPE = 0, 1, 2
"""Token types: of the query, of the context, and of a context token that the query has too."""


@dataclass(frozen=True, slots=True)
class TokenisedText:
    """Token ids of a text and the half-open code-point range of each.

    Attributes:
        ids: ``[tokens]`` int64.
        offsets: ``[tokens, 2]`` int64.
    """

    ids: NDArray[np.int64]
    offsets: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Window:
    """One model input without padding: ``[CLS] query [SEP]``, then ``[CLS] block [SEP]`` for each block.

    A block is a sentence, or a part of a long one. Positions begin anew in each, as a sentence encoder
    saw them in training, so the length of a window is bound by memory and not by the position table.

    Attributes:
        ids: ``[length]`` int64.
        types: ``[length]`` int64, see ``QUERY_TYPE``.
        positions: ``[length]`` int64, counted from the start of the block.
        blocks: ``[length]`` int64, 0 for the query, 1, 2, ... for the blocks in reading order.
        lexical: ``[blocks, features]`` float32, what word matching says of the sentence of each block, see
            ``lexical_features``; zeros for the query.
        places: ``[tokens]`` int64, where each context token stands in ``ids``.
        tokens: Range of the document's tokens that it holds.
    """

    ids: NDArray[np.int64]
    types: NDArray[np.int64]
    positions: NDArray[np.int64]
    blocks: NDArray[np.int64]
    lexical: NDArray[np.float32]
    places: NDArray[np.int64]
    tokens: TokenRange


class PairTokenizer:
    """Builds windows for a query and a document.

    Uses the raw tokenizer without truncation or padding: it keeps no state between calls, so threads
    may share it. A query longer than ``query_tokens`` keeps its first tokens.

    Args:
        tokenizer: With ``[CLS]`` and ``[SEP]`` in its vocabulary.
        max_length: Most tokens of a window, special tokens included.
        query_tokens: Most tokens of a query.
        block_tokens: Most tokens of a block; a longer sentence is cut into several.
        overlap: Most tokens that a window repeats of the one before it.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        max_length: int = 512,
        query_tokens: int = 64,
        block_tokens: int = 160,
        overlap: int = 80,
    ) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self._cls, self._sep = (self._special(token) for token in ("[CLS]", "[SEP]"))
        self.max_length = max_length
        self.query_tokens = query_tokens
        self.block_tokens = block_tokens
        self.overlap = overlap

    @classmethod
    def from_folder(cls, folder: Path, **lengths: int) -> PairTokenizer:
        """Read ``tokenizer.json`` of a checkpoint folder; ``lengths`` are those of the class.

        Raises:
            CheckpointError: If the file is missing.
        """
        path = folder / "tokenizer.json"
        if not path.is_file():
            raise CheckpointError(f"{folder} has no tokenizer.json: a checkpoint needs its fast tokenizer")
        return cls(Tokenizer.from_file(str(path)), **lengths)

    def _special(self, token: str) -> int:
        found = self._tokenizer.token_to_id(token)
        if found is None:
            raise CheckpointError(f"the tokenizer has no {token} token")
        return int(found)

    def tokenise(self, text: str) -> TokenisedText:
        """Return the ids and offsets of a text, without special tokens."""
        encoded = self._tokenizer.encode(as_utf8(text), add_special_tokens=False)
        offsets = np.array(encoded.offsets, dtype=np.int64).reshape(-1, 2)
        return TokenisedText(np.array(encoded.ids, dtype=np.int64), offsets)

    def window(
        self,
        query: NDArray[np.int64],
        context: NDArray[np.int64],
        ranges: Sequence[TokenRange],
        *,
        lexical: NDArray[np.float32],
    ) -> Window:
        """Join query ids and adjacent ranges of context ids into one model input.

        Args:
            query: Its ids.
            context: The ids of the document.
            ranges: The blocks.
            lexical: ``[tokens, features]``, of the tokens of the document.
        """
        parts = [query, *(context[first:last] for first, last in ranges)]
        sizes = np.array([len(part) + 2 for part in parts])
        ids = np.concatenate([piece for part in parts for piece in ([self._cls], part, [self._sep])])
        blocks = np.repeat(np.arange(len(parts)), sizes)
        starts = np.cumsum(sizes) - sizes
        positions = np.arange(len(ids)) - starts[blocks]
        inner = (positions > 0) & (positions < sizes[blocks] - 1)
        shared = inner & np.isin(ids, query)
        types = np.where(blocks == 0, QUERY_TYPE, np.where(shared, SHARED_TYPE, CONTEXT_TYPE))
        places = np.flatnonzero(inner & (blocks > 0))
        first, last = ranges[0][0], ranges[-1][1]
        of_blocks = [np.zeros(lexical.shape[1], np.float32), *(lexical[start] for start, _ in ranges)]
        return Window(
            ids=ids.astype(np.int64),
            types=types.astype(np.int64),
            positions=positions.astype(np.int64),
            blocks=blocks.astype(np.int64),
            lexical=np.stack(of_blocks),
            places=places,
            tokens=(first, last),
        )

    def windows(
        self,
        query: NDArray[np.int64],
        context: TokenisedText,
        spans: Sequence[Span],
        *,
        lexical: NDArray[np.float32],
    ) -> list[Window]:
        """Cut a document into windows of at most ``max_length`` tokens along its spans.

        Args:
            query: Its ids.
            context: The document.
            spans: Its sentences.
            lexical: ``[spans, features]``, see ``lexical_features``.
        """
        room = self.max_length - len(query) - 2
        longest = min(self.block_tokens, room - 2)
        ranges = span_ranges(context.offsets, spans)
        packed = pack(ranges, room=room, longest=longest, overhead=2, overlap=self.overlap)
        of_tokens = np.zeros((len(context.ids), lexical.shape[1]), dtype=np.float32)
        for (first, last), of_span in zip(ranges, lexical, strict=True):
            of_tokens[first:last] = of_span
        return [self.window(query, context.ids, blocks, lexical=of_tokens) for blocks in packed]

    def pair(self, query: str, text: str, spans: Sequence[Span]) -> tuple[TokenisedText, list[Window]]:
        """Return the tokens of a text and the windows in which a model reads it for a query."""
        asked, tokens = self.tokenise(query), self.tokenise(text)
        ids = asked.ids[: self.query_tokens]
        # Word matching reads as much of the query as the encoder does.
        read = query[: asked.offsets[len(ids) - 1, 1]] if len(ids) else ""
        lexical = lexical_features(read, text, spans)
        return tokens, self.windows(ids, tokens, spans, lexical=lexical)


def as_utf8(text: str) -> str:
    """Return a text that a tokenizer takes: one character for each lone surrogate, so offsets stay."""
    return _SURROGATES.sub("\ufffd", text)


def span_ranges(offsets: NDArray[np.int64], spans: Sequence[Span]) -> list[TokenRange]:
    """Return the range of tokens that begin in each span; a token across a border counts where it begins."""
    borders = np.searchsorted(offsets[:, 0], [span.start for span in spans])
    ends = [*borders[1:].tolist(), len(offsets)] if len(spans) else []
    return list(zip(borders.tolist(), ends, strict=True))
