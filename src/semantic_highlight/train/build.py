"""Networks from folders, and finished model folders from networks."""

from __future__ import annotations

import json
import shutil
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
from safetensors.torch import save_file

from semantic_highlight.errors import CheckpointError
from semantic_highlight.models import BUNDLED_FOLDER
from semantic_highlight.models.files import CONFIG_NAME, TOKENIZER_NAME, WEIGHTS_NAME
from semantic_highlight.models.packed.checkpoint import MODEL_TYPE, ModelConfig, write_config
from semantic_highlight.models.packed.document_layer import DocumentLayer
from semantic_highlight.models.packed.network import PruningModel, new_lexical_term
from semantic_highlight.models.packed.weights import NO_DROPOUT, load_network
from semantic_highlight.train.config import TrainConfig
from semantic_highlight.train.state import write_folder
from semantic_highlight.types import BUNDLED

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def base_folder(base: str) -> Path:
    """Return the folder that a configuration names as its base.

    Raises:
        CheckpointError: If it is missing.
    """
    folder = BUNDLED_FOLDER if base == BUNDLED else Path(base)
    if not (folder / CONFIG_NAME).is_file():
        raise CheckpointError(
            f"{base} has no {CONFIG_NAME}: give the folder of an encoder or model as 'base'"
        )
    return folder


def build_model(config: TrainConfig) -> PruningModel:
    """Return the network that a run starts from: an encoder with new heads, or a finished model.

    Raises:
        CheckpointError: If the base cannot be loaded.
    """
    from transformers import AutoModel

    torch.manual_seed(config.seed)
    folder = base_folder(config.base)
    if json.loads((folder / CONFIG_NAME).read_text(encoding="utf-8")).get("model_type") == MODEL_TYPE:
        model = load_network(folder)
        if config.lexical and model.pruning_head.lexical is None:
            model.pruning_head.lexical = new_lexical_term(model.encoder.config.hidden_size)
        if config.document and model.document is None:
            model.document = DocumentLayer()
        if config.ranking and model.ranking_head is None:
            model.ranking_head = torch.nn.Linear(model.encoder.config.hidden_size, 1)
    else:
        encoder = AutoModel.from_pretrained(folder, add_pooling_layer=False, **NO_DROPOUT)
        model = PruningModel(
            encoder,
            interaction=config.interaction,
            lexical=config.lexical,
            document=config.document,
            ranking=config.ranking,
        )
    if not config.ranking:
        model.ranking_head = None
    if config.freeze_encoder:
        model.encoder.requires_grad_(requires_grad=False)
    if config.lora_rank:
        _add_adapters(model, config.lora_rank)
    return model


def _add_adapters(model: PruningModel, rank: int) -> None:
    """Freeze the encoder and give its linear layers LoRA adapters (Hu et al. 2021), with alpha = 2 rank."""
    from peft import LoraConfig, get_peft_model

    options = LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules="all-linear")
    model.encoder = cast("PreTrainedModel", get_peft_model(model.encoder, options))


def merged(model: PruningModel) -> PruningModel:
    """Return a copy of the network on the CPU, adapters merged into the weights they adapt."""
    copy = deepcopy(model).cpu().eval()
    merge = getattr(copy.encoder, "merge_and_unload", None)
    if merge is not None:
        copy.encoder = merge()
    return copy


def write_model(target: Path, model: PruningModel, config: ModelConfig, *, tokenizer: Path) -> None:
    """Write a finished model folder in one step: configuration, tokenizer and weights.

    Args:
        target: The folder.
        model: The network; it is not changed.
        config: Its settings.
        tokenizer: The folder whose ``tokenizer.json`` it uses.
    """
    weights = {name: value.contiguous() for name, value in merged(model).state_dict().items()}

    def fill(new: Path) -> None:
        write_config(new, config)
        shutil.copyfile(tokenizer / TOKENIZER_NAME, new / TOKENIZER_NAME)
        save_file(weights, new / WEIGHTS_NAME, metadata={"format": "pt"})

    write_folder(target, fill)
