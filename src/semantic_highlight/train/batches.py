"""Examples to padded tensors: one window an example, batches of similar length by token budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np
import torch

from semantic_highlight.models.packed.pairs import PairTokenizer, Window, span_ranges
from semantic_highlight.models.packed.torch_engine import pad_windows
from semantic_highlight.train.data import IGNORED, Example

if TYPE_CHECKING:
    from numpy.typing import NDArray

GOLD_WINDOW_SHARE = 0.85
"""Share of the windows of a long document that are chosen among those with an answer."""


@dataclass(frozen=True, slots=True)
class Features:
    """One training window.

    Attributes:
        window: The model input.
        sentences: Sentence number of every context token in the window, ``[tokens]``.
        labels: Label of every sentence of the window, ``[sentences]``.
        example: The example that the window is of.
        present: Which of the example's spans are the sentences of the window, ``[sentences]``.
        relevance: How relevant a teacher found what the window shows, in [0, 1], or None.
    """

    window: Window
    sentences: NDArray[np.int64]
    labels: NDArray[np.int64]
    example: Example
    present: NDArray[np.int64]
    relevance: float | None

    @property
    def length(self) -> int:
        """Tokens of the window."""
        return len(self.window.ids)


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded tensors of a group of features.

    Attributes:
        inputs: The model's inputs by name, ``[batch, length]`` (``lexical``: ``[batch, blocks, features]``).
        sentence_index: ``[batch, length]``, numbers the sentences across the batch; -1 off the context.
        labels: ``[sentences]``, see ``Example``.
        relevance: ``[batch]``, what a teacher said of each, NaN where none was asked.
        tokens: How many there are, padding not counted.
        soft: ``[sentences]``, teachers' scores in [0, 1], or None without teachers.
    """

    inputs: dict[str, torch.Tensor]
    sentence_index: torch.Tensor
    labels: torch.Tensor
    relevance: torch.Tensor
    tokens: int
    soft: torch.Tensor | None = None


def featurise(example: Example, tokenizer: PairTokenizer, rng: np.random.Generator) -> Features | None:
    """Choose a window of an example, or None when nothing of it can be learned from."""
    text, windows = tokenizer.pair(example.query, example.context, example.spans)
    if not windows:
        return None
    numbers = np.full(len(text.ids), -1, dtype=np.int64)
    for number, (first, last) in enumerate(span_ranges(text.offsets, example.spans)):
        numbers[first:last] = number
    labels = np.array(example.labels, dtype=np.int64)
    gold = [w for w in windows if (labels[numbers[slice(*w.tokens)]] == 1).any()]
    among = gold if gold and rng.random() < GOLD_WINDOW_SHARE else windows
    window = among[int(rng.integers(len(among)))]
    present, sentences = np.unique(numbers[slice(*window.tokens)], return_inverse=True)
    if (labels[present] == IGNORED).all():
        return None
    # What was said of the whole need not hold for a part without an answer.
    relevance = example.relevance if len(windows) == 1 or (labels[present] == 1).any() else None
    return Features(window, sentences.astype(np.int64), labels[present], example, present, relevance)


class HasLength(Protocol):
    """What batches are made of."""

    @property
    def length(self) -> int:
        """How many tokens it has."""


Item = TypeVar("Item", bound=HasLength)


def batch_by_length(items: Sequence[Item], budget: int, rng: np.random.Generator) -> list[list[Item]]:
    """Group items of similar length into batches of at most ``budget`` padded tokens, in random order."""
    batches: list[list[Item]] = []
    for item in sorted(items, key=lambda item: item.length):
        if batches and item.length * (len(batches[-1]) + 1) <= budget:
            batches[-1].append(item)
        else:
            batches.append([item])
    return [batches[i] for i in rng.permutation(len(batches))]


def collate(features: Sequence[Features]) -> Batch:
    """Pad a group of features into one batch."""
    inputs = pad_windows([feature.window for feature in features])
    index = torch.full_like(inputs["block_ids"], -1)
    base = 0
    for row, feature in enumerate(features):
        index[row, torch.from_numpy(feature.window.places)] = torch.from_numpy(feature.sentences + base)
        base += len(feature.labels)
    labels = torch.from_numpy(np.concatenate([f.labels for f in features]))
    relevance = torch.tensor([np.nan if f.relevance is None else f.relevance for f in features])
    return Batch(inputs, index, labels, relevance, int((inputs["block_ids"] >= 0).sum()))


def pool_batches(
    examples: Sequence[Example], tokenizer: PairTokenizer, *, budget: int, seed: Sequence[int]
) -> list[list[Features]]:
    """Turn a pool of examples into its batches; the same seed gives the same batches."""
    rng = np.random.default_rng(list(seed))
    features = [f for example in examples if (f := featurise(example, tokenizer, rng)) is not None]
    return batch_by_length(features, budget, rng)
