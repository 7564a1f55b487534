"""What every family of checkpoints is reduced to: a network, a tokenizer, and how to use them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer


@dataclass(frozen=True, slots=True)
class PairLayout:
    """How a query and a context become one input: ``before query between context after``.

    Attributes:
        before: Ids before the query.
        between: Ids between the query and the context.
        after: Ids after the context.
        context_type: Token type of the context and of ``after``; all else is of type 0.
        pad: Id that fills up shorter rows, on the right.
    """

    before: tuple[int, ...]
    between: tuple[int, ...]
    after: tuple[int, ...]
    context_type: int
    pad: int


@dataclass(frozen=True, slots=True)
class Traits:
    """All that differs between checkpoints apart from the network.

    Attributes:
        family: Name of the family.
        name: What the savings record shows as ``model``.
        layout: How its input is laid out.
        max_length: Most tokens of a window, special tokens included.
        default_threshold: The score above which a sentence is kept, in [0, 1].
        pooling: A sentence's score from the log-odds ``d`` of its tokens: ``"probability"`` is the mean of
            ``sigmoid(d)``, ``"logit"`` is ``sigmoid`` of the mean ``d``, which equals a linear classifier
            on the mean of the token states.
        sentences_apart: Whether every sentence is tokenised by itself, or the whole text at once.
        normalise_query: Whether the query is put in lower case and its punctuation taken out.
        backoff: Where no sentence passes, the best one is kept if it scores at least this; None never does.
        licence: Licence of the weights as an SPDX-like id in lower case; None where nothing states it.
        notes: What was assumed while loading, as sentences.
    """

    family: str
    name: str
    layout: PairLayout
    max_length: int
    default_threshold: float
    pooling: Literal["probability", "logit"]
    sentences_apart: bool
    normalise_query: bool
    backoff: float | None
    licence: str | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadedCheckpoint:
    """A checkpoint ready to run.

    Attributes:
        network: ``network(input_ids, attention_mask, token_type_ids) -> (log_odds, ranking)``. Inputs are
            ``[B, L]`` int64, right padded; ``log_odds`` is ``[B, L]`` float32, the logit of keep less that of
            drop; ``ranking`` is ``[B]`` float32 logits, or None without a ranking head. It is in eval mode,
            on its device and in its dtype; the heads are computed in float32.
        tokenizer: Without truncation and padding, so that threads may share it.
        traits: How to use them.
    """

    network: torch.nn.Module
    tokenizer: Tokenizer
    traits: Traits


@dataclass(frozen=True, slots=True)
class Source:
    """A checkpoint folder as far as it is read before a family is chosen.

    Attributes:
        folder: Where its files lie.
        name: The hub id or the name of the folder.
        config: The content of ``config.json``.
        shapes: The shape of every weight by its name.
        licence: Licence that its ``README.md`` states, in lower case; None without one.
    """

    folder: Path
    name: str
    config: Mapping[str, Any]
    shapes: Mapping[str, tuple[int, ...]]
    licence: str | None


class Family(Protocol):
    """One layout of published checkpoints; an entry point ``semantic_highlight.families`` adds another.

    Attributes:
        name: One word, as ``Traits.family`` shows it.
        description: One line for a list of families: what identifies a checkpoint of it.
        licence: Licence of the family's published weights, taken where a checkpoint states none; None
            where they differ.
    """

    name: str
    description: str
    licence: str | None

    def matches(self, source: Source) -> bool:
        """Whether config.json and the names of the weights are those of this family."""

    def load(self, source: Source, *, device: torch.device, dtype: torch.dtype) -> LoadedCheckpoint:
        """Build the network on ``device`` in ``dtype``, load its weights strictly, and read its traits.

        Raises:
            CheckpointError: If a file is missing, broken or does not fit.
        """
