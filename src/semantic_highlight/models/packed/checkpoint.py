"""A model folder of this package's own family: what its config.json says."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semantic_highlight.errors import CheckpointError
from semantic_highlight.models.files import CONFIG_NAME

MODEL_TYPE = "semantic_highlight"


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The settings of a checkpoint, beside its encoder's own.

    Attributes:
        name: What the savings record shows as ``model``.
        max_length: Most tokens of a window, special tokens included.
        query_tokens: Most tokens of a query; a longer one keeps its first tokens.
        block_tokens: Most tokens of a block; a longer sentence is cut into several.
        overlap: Most tokens that a window repeats of the one before it.
        temperature: A token's probability is ``sigmoid((logit - shift) / temperature)``, fitted on dev data.
        shift: See ``temperature``, in logits.
        default_threshold: The score above which a sentence is kept, chosen on dev data, in [0, 1].
        encoder: The configuration of the encoder, as its library writes it.
    """

    name: str
    max_length: int
    query_tokens: int
    block_tokens: int
    overlap: int
    temperature: float
    shift: float
    default_threshold: float
    encoder: dict[str, Any]


def read_config(folder: Path) -> ModelConfig:
    """Read ``config.json`` of a model folder.

    Raises:
        CheckpointError: If it is missing, broken, or of another family.
    """
    path = folder / CONFIG_NAME
    if not path.is_file():
        raise CheckpointError(f"{folder} has no {CONFIG_NAME}: give the folder of a checkpoint, or 'bundled'")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        family = content.pop("model_type", None)
        if family != MODEL_TYPE:
            raise CheckpointError(f"{path} has model_type {family!r}; families that load: {MODEL_TYPE!r}")
        return ModelConfig(**content)
    except (json.JSONDecodeError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} cannot be read as the configuration of a model: {error}") from error


def write_config(folder: Path, config: ModelConfig) -> None:
    """Write ``config.json`` of a model folder."""
    content = {"model_type": MODEL_TYPE} | {name: getattr(config, name) for name in config.__slots__}
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    (folder / CONFIG_NAME).write_text(text, encoding="utf-8")
