"""The configurations of the runs that train: the pruning model, and its base before that."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from semantic_highlight.train.toml import Section, Share, read_toml


class Source(Section):
    """One file of records and how much of the mixture it is."""

    path: str
    """A ``.jsonl`` or ``.jsonl.gz`` file of records, relative to ``data_dir`` or ``package:name/path``, or of
    labels of texts that lie in ``data_dir``, see :mod:`semantic_highlight.train.passages`."""
    weight: float = Field(gt=0)
    """Share of the examples drawn, relative to the other sources; a source gives at least one a pool."""
    cap: int | None = Field(default=None, gt=0)
    """Use only this many rows, chosen by the seed."""
    join: Share = 0.0
    """Share of examples whose paragraph is joined with 1 to 5 others, of the same title first."""
    unanswerable: Share = 0.0
    """Share of examples whose query is paired with other paragraphs only."""
    hold_out: Share = 0.0
    """Share of the documents left out of training, for ``evaluation`` with the same share."""
    max_sentence_share: Share = 1.0
    """Leave out rows in which more than this share of the sentences is positive."""


class Evaluation(Section):
    """A file measured during training."""

    path: str
    cap: int = Field(default=150, gt=0)
    hold_out: Share = 0.0
    """Measure only the documents that a source with the same value left out; 0 measures all."""


class Optimisation(Section):
    """How the weights move. The defaults are those that served the bundled model (RUNS.md)."""

    learning_rate: float = Field(default=7e-5, gt=0)
    """Peak rate of the encoder: 1e-4 forgot part of what it knew, 2e-4 most of it."""
    embedding_rate: float = Field(default=1.0, gt=0)
    """Learning rate of the embeddings, relative to ``learning_rate``."""
    head_rate: float = Field(default=20.0, gt=0)
    """Learning rate of the heads, relative to ``learning_rate``."""
    document_rate: float = Field(default=5.0, gt=0)
    """Learning rate of the document layer, relative to ``learning_rate``."""
    weight_decay: float = Field(default=0.01, ge=0)
    warmup: Share = 0.05
    """Share of the run spent warming up; a cosine to ``final_rate`` follows."""
    final_rate: Share = 0.05
    clip_norm: float = Field(default=1.0, gt=0)
    accumulate: int = Field(default=1, gt=0)
    """Batches an optimizer step."""
    sentence_loss: Share = 0.5
    """Weight of the loss on each sentence's mean logit, beside the loss on tokens."""


class RunConfig(Section):
    """What every run has that takes optimizer steps and can be resumed."""

    base: str
    """Folder of the encoder to start from."""
    data_dir: str
    out: str
    """Folder of the run: its state, its log and, at the end, the model."""
    tokens: int = Field(gt=0)
    """How long to train, in tokens seen, padding not counted."""
    seed: int = Field(default=13, ge=0)
    batch_tokens: int = Field(default=4096, gt=0)
    """Most tokens of a batch, padding counted."""
    pool: int = Field(default=1024, gt=0)
    """Examples drawn at once, sorted by length into batches."""
    bf16: bool = False
    """Compute in bfloat16; the weights stay in fp32."""
    log_every: int = Field(default=20, gt=0)
    """Optimizer steps between two entries of the log."""
    save_every: int = Field(default=100, gt=0)
    """Optimizer steps between two saved states."""
    optimisation: Optimisation = Optimisation()


class TrainConfig(RunConfig):
    """A whole run. ``base`` may also be a finished model of this package, or ``bundled``, to fine-tune it."""

    name: str = Field(default="semantic-highlight", min_length=1)
    """What the trained model calls itself in the savings record."""
    max_length: int = Field(default=400, ge=32)
    """Most tokens of a training window."""
    query_tokens: int = Field(default=64, gt=0)
    interaction: bool = True
    """Add the cosine term of the pruning head; a finished base keeps what it has."""
    lexical: bool = True
    """Add the term of word matching to the pruning head, also to a finished base that has none."""
    document: bool = True
    """Add the layer through which sentences see each other, also to a finished base that has none."""
    ranking: bool = False
    """Train a ranking head too, on the ``teacher_score`` of the records that carry one."""
    ranking_weight: float = Field(default=0.05, gt=0)
    """Weight of the ranking loss beside the pruning loss (Provence: 0.05)."""
    distill_weight: Share = 0.5
    """With teachers, weight of their scores; the labels keep the rest."""
    freeze_encoder: bool = False
    """Train the heads alone."""
    lora_rank: int = Field(default=0, ge=0)
    """Rank of LoRA adapters in the encoder; 0 trains the encoder itself."""
    evaluate_every: int = Field(default=300, gt=0)
    """Optimizer steps between two measurements of the evaluation files."""
    patience: int = Field(default=0, ge=0)
    """Stop after this many evaluations without a better mean AP, and keep the best; 0 never stops early."""
    sources: list[Source] = Field(min_length=1)
    evaluation: list[Evaluation] = Field(default_factory=list)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.lora_rank and self.freeze_encoder:
            raise ValueError("lora_rank and freeze_encoder exclude each other: set one of them")
        if self.patience and not self.evaluation:
            raise ValueError("patience needs something to measure: add an [[evaluation]]")
        if self.query_tokens + 8 > self.max_length:
            raise ValueError("max_length leaves no room for a context: raise it, or lower query_tokens")
        return self


class TextSource(Section):
    """One file of plain text."""

    path: str
    """A ``.txt`` or ``.txt.gz`` file in UTF-8, relative to ``data_dir``."""
    weight: float = Field(default=1.0, gt=0)
    """Share of the examples drawn, relative to the other files."""


class AdaptConfig(RunConfig):
    """Masked-language-model adaptation of a base encoder (Devlin et al. 2019) before training."""

    length: int = Field(default=128, ge=16)
    """Most tokens of an example, special tokens included."""
    mask: float = Field(default=0.15, gt=0, lt=1)
    """Share of the tokens to predict."""
    texts: list[TextSource] = Field(min_length=1)


def load_config(path: Path) -> TrainConfig:
    """Read the configuration of a training run.

    Raises:
        InputError: Names the file, the line, the field, what came and what is allowed.
    """
    return read_toml(path, TrainConfig)
