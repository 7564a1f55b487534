"""Plain text for adaptation: runs of lines with some words hidden, the same at every repetition."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from semantic_highlight.errors import CheckpointError, InputError
from semantic_highlight.train.config import AdaptConfig

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

CHARACTERS_A_TOKEN = 2
"""Characters of text read for each token of an example: enough for Chinese (1.6) and for English (over 4)."""
MASKED, REPLACED = 0.8, 0.1
"""Of the tokens to predict, the shares that are masked and replaced at random; the rest stays (BERT)."""


@dataclass(frozen=True, slots=True)
class MaskedText:
    """Token ids with some hidden, ``[length]``, and the places and ids of what to predict."""

    ids: NDArray[np.int64]
    places: NDArray[np.int64]
    wanted: NDArray[np.int64]

    @property
    def length(self) -> int:
        """Tokens, special ones included."""
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class MaskedBatch:
    """Padded texts ``[batch, length]``, 1 where ``seen``; ``places`` count through the flattened batch."""

    ids: torch.Tensor
    seen: torch.Tensor
    places: torch.Tensor
    wanted: torch.Tensor
    tokens: int


def read_chunks(path: Path, characters: int) -> Iterator[str]:
    """Read a text file as runs of whole lines of at least ``characters`` characters, blank lines left out.

    Raises:
        InputError: If the file cannot be read.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; give a .txt or .txt.gz file")
    opener = gzip.open if path.suffix == ".gz" else open
    held: list[str] = []
    size = 0
    try:
        with opener(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                if line.strip():
                    held.append(line.strip())
                    size += len(held[-1])
                if size >= characters:
                    yield "\n".join(held)
                    held, size = [], 0
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read on: {error}") from error
    if held:
        yield "\n".join(held)


@lru_cache(maxsize=16)
def _order(seed: int, index: int, turn: int, size: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, index, turn]).permutation(size)


class Texts:
    """All text files together: pool ``n`` is always the same list of masked texts.

    Args:
        config: The run.
        tokenizer: Without truncation or padding.
        rows: Rows of the embedding table. A vocabulary may name one row twice, so its size says nothing.

    Raises:
        InputError: If a text cannot be read.
        CheckpointError: If the tokenizer has no ``[MASK]``.
    """

    def __init__(self, config: AdaptConfig, tokenizer: Tokenizer, *, rows: int) -> None:
        self._config, self._tokenizer, self._rows = config, tokenizer, rows
        characters = config.length * CHARACTERS_A_TOKEN
        data_dir = Path(config.data_dir)
        self._chunks = [list(read_chunks(data_dir / text.path, characters)) for text in config.texts]
        for text, chunks in zip(config.texts, self._chunks, strict=True):
            if not chunks:
                raise InputError(f"{text.path} is empty: there is nothing to read")
        total = sum(text.weight for text in config.texts)
        self._quotas = [max(1, round(config.pool * text.weight / total)) for text in config.texts]
        self._cls, self._sep, self._mask = (self._special(t) for t in ("[CLS]", "[SEP]", "[MASK]"))

    def _special(self, token: str) -> int:
        found = self._tokenizer.token_to_id(token)
        if found is None:
            raise CheckpointError(f"the tokenizer has no {token} token")
        return int(found)

    def pool(self, number: int) -> list[MaskedText]:
        """Return the masked texts of pool ``number``."""
        rng = np.random.default_rng([self._config.seed, number])
        masked = [
            self._masked(self._chunk(index, number * quota + i), rng)
            for index, quota in enumerate(self._quotas)
            for i in range(quota)
        ]
        return [text for text in masked if len(text.places)]

    def _chunk(self, index: int, draw: int) -> str:
        chunks = self._chunks[index]
        turn, place = divmod(draw, len(chunks))
        return chunks[int(_order(self._config.seed, index, turn, len(chunks))[place])]

    def _masked(self, text: str, rng: np.random.Generator) -> MaskedText:
        """Hide a share of the tokens of a text; one that is too long gives a part of it."""
        found = self._tokenizer.encode(text, add_special_tokens=False).ids
        room = self._config.length - 2
        start = int(rng.integers(max(len(found) - room, 0) + 1))
        wanted = np.array([self._cls, *found[start : start + room], self._sep], dtype=np.int64)
        count = max(1, round(self._config.mask * (len(wanted) - 2)))
        places = np.sort(1 + rng.permutation(len(wanted) - 2)[:count])
        ids, chance = wanted.copy(), rng.random(len(places))
        ids[places[chance < MASKED]] = self._mask
        replaced = places[(chance >= MASKED) & (chance < MASKED + REPLACED)]
        ids[replaced] = rng.integers(self._rows, size=len(replaced))
        return MaskedText(ids, places, wanted[places])


def pad(texts: Sequence[MaskedText]) -> MaskedBatch:
    """Pad masked texts into one batch."""
    length = max(len(text.ids) for text in texts)
    ids = torch.zeros((len(texts), length), dtype=torch.int64)
    seen = torch.zeros_like(ids)
    for row, text in enumerate(texts):
        ids[row, : len(text.ids)] = torch.from_numpy(text.ids)
        seen[row, : len(text.ids)] = 1
    places = np.concatenate([text.places + row * length for row, text in enumerate(texts)])
    wanted = np.concatenate([text.wanted for text in texts])
    return MaskedBatch(ids, seen, torch.from_numpy(places), torch.from_numpy(wanted), int(seen.sum()))
