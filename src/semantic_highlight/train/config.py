"""The configuration of a training run, read from TOML and checked field by field."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from semantic_highlight.errors import InputError

Share = Annotated[float, Field(ge=0, le=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Section):
    """One file of records and how much of the mixture it is."""

    path: str
    """A ``.jsonl`` or ``.jsonl.gz`` file, relative to ``data_dir``."""
    weight: float = Field(gt=0)
    """Share of the examples drawn, relative to the other sources."""
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


class Evaluation(_Section):
    """A file measured during training."""

    path: str
    cap: int = Field(default=150, gt=0)
    hold_out: Share = 0.0
    """Measure only the documents that a source with the same value left out; 0 measures all."""


class Optimisation(_Section):
    """How the weights move. Defaults: what a 22 M encoder on a CPU took best (RUNS.md)."""

    learning_rate: float = Field(default=3e-4, gt=0)
    embedding_rate: float = Field(default=1.0, gt=0)
    """Learning rate of the embeddings, relative to ``learning_rate``."""
    head_rate: float = Field(default=5.0, gt=0)
    """Learning rate of the heads, relative to ``learning_rate``."""
    weight_decay: float = Field(default=0.01, ge=0)
    warmup: Share = 0.05
    """Share of the run spent warming up; a cosine to ``final_rate`` follows."""
    final_rate: Share = 0.05
    clip_norm: float = Field(default=1.0, gt=0)
    accumulate: int = Field(default=1, gt=0)
    """Batches an optimizer step."""
    sentence_loss: Share = 0.5
    """Weight of the loss on each sentence's mean logit, beside the loss on tokens."""


class TrainConfig(_Section):
    """A whole run."""

    base: str
    """Folder of the encoder to start from."""
    data_dir: str
    out: str
    """Folder of the run: its state, its log and, at the end, the model."""
    tokens: int = Field(gt=0)
    """How long to train, in tokens seen, padding not counted."""
    seed: int = 13
    max_length: int = Field(default=400, ge=32)
    """Most tokens of a training window."""
    query_tokens: int = Field(default=64, gt=0)
    batch_tokens: int = Field(default=4096, gt=0)
    """Most tokens of a batch, padding counted."""
    pool: int = Field(default=1024, gt=0)
    """Examples drawn at once, sorted by length into batches."""
    interaction: bool = True
    ranking: bool = False
    freeze_encoder: bool = False
    bf16: bool = False
    lora_rank: int = Field(default=0, ge=0)
    """Rank of LoRA adapters in the encoder; 0 trains the encoder itself."""
    log_every: int = Field(default=20, gt=0)
    save_every: int = Field(default=100, gt=0)
    evaluate_every: int = Field(default=300, gt=0)
    patience: int = Field(default=0, ge=0)
    """Stop after this many evaluations without a better mean AP; 0 never stops early."""
    optimisation: Optimisation = Optimisation()
    sources: list[Source] = Field(min_length=1)
    evaluation: list[Evaluation] = []


def load_config(path: Path) -> TrainConfig:
    """Read and check a TOML file.

    Raises:
        InputError: Names the file, the line where it can be told, the field and what is allowed.
    """
    try:
        text = path.read_text(encoding="utf-8")
        return TrainConfig.model_validate(tomllib.loads(text))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; give the path of a TOML configuration") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path} is not TOML: {error}") from error
    except ValidationError as error:
        raise InputError(f"{path}: {_explain(error, text)}") from error


def _explain(error: ValidationError, text: str) -> str:
    problems = []
    for item in error.errors():
        field = ".".join(str(part) for part in item["loc"])
        line = _line_of(str(item["loc"][-1]), text)
        place = f"line {line}, field {field}" if line else f"field {field}"
        problems.append(f"{place}: {item['msg']} (got {item['input']!r})")
    return "; ".join(problems)


def _line_of(key: str, text: str) -> int | None:
    lines = [number for number, line in enumerate(text.splitlines(), 1) if line.split("=")[0].strip() == key]
    return lines[0] if len(lines) == 1 else None
