"""Masked-language-model adaptation: a base encoder reads plain text before it learns to prune."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import nn
from torch.nn import functional

from semantic_highlight.models.files import CONFIG_NAME, TOKENIZER_NAME, WEIGHTS_NAME
from semantic_highlight.models.packed.weights import NO_DROPOUT
from semantic_highlight.train.batches import batch_by_length
from semantic_highlight.train.build import base_folder
from semantic_highlight.train.config import AdaptConfig
from semantic_highlight.train.runner import Runner
from semantic_highlight.train.state import digest, write_folder
from semantic_highlight.train.texts import MaskedBatch, MaskedText, Texts, pad

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class WordPredictor(nn.Module):
    """An encoder and what predicts hidden words from its states (the head of BERT, its table shared).

    Args:
        encoder: A BERT-like encoder without a pooler.
    """

    def __init__(self, encoder: PreTrainedModel) -> None:
        super().__init__()
        hidden = encoder.config.hidden_size
        self.encoder = encoder
        self.transform = nn.Sequential(nn.Linear(hidden, hidden), nn.GELU(), nn.LayerNorm(hidden))
        self.bias = nn.Parameter(torch.zeros(encoder.config.vocab_size))

    def forward(self, ids: torch.Tensor, seen: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """Return logits over the vocabulary, ``[places, vocabulary]``."""
        states = self.encoder(input_ids=ids, attention_mask=seen).last_hidden_state
        chosen = self.transform(states.flatten(0, 1)[places])
        table = cast("nn.Embedding", self.encoder.get_input_embeddings())
        return functional.linear(chosen, table.weight, self.bias)


class Adaptation(Runner[AdaptConfig, WordPredictor, MaskedBatch]):
    """Adapts an encoder to plain text; made again over the same ``out`` folder it goes on where it stopped.

    Raises:
        InputError: If a text cannot be read, or ``out`` holds the state of another run.
        CheckpointError: If the base cannot be loaded.
    """

    def __init__(self, config: AdaptConfig) -> None:
        from transformers import AutoModel

        self._base = base_folder(config.base)
        tokenizer = Tokenizer.from_file(str(self._base / TOKENIZER_NAME))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        torch.manual_seed(config.seed)
        encoder = AutoModel.from_pretrained(self._base, add_pooling_layer=False, **NO_DROPOUT)
        self.texts = Texts(config, tokenizer, rows=encoder.config.vocab_size)
        # Plain text shows one type only; the others must not fall behind it.
        encoder.embeddings.token_type_embeddings.requires_grad_(requires_grad=False)
        files = {text.path: digest(Path(config.data_dir) / text.path) for text in config.texts}
        files[TOKENIZER_NAME] = digest(self._base / TOKENIZER_NAME)
        super().__init__(config, WordPredictor(encoder), files=files)

    def groups(self, pool: int) -> list[list[MaskedText]]:
        """Return the texts of a pool that make its batches."""
        rng = np.random.default_rng([self.config.seed, pool, 1])
        return batch_by_length(self.texts.pool(pool), self.config.batch_tokens, rng)

    def collate(self, group: list[MaskedText]) -> MaskedBatch:
        """Pad a group."""
        return pad(group)

    def loss(self, batch: MaskedBatch) -> torch.Tensor:
        """Return the mean cross-entropy of the hidden tokens."""
        device = self.accelerator.device
        logits = self.model(batch.ids.to(device), batch.seen.to(device), batch.places.to(device))
        return functional.cross_entropy(logits.float(), batch.wanted.to(device))

    def finish(self) -> Path:
        """Write the encoder to ``out``/model, in the layout of a base, and return that folder."""
        target = self.out / "model"
        weights = {n: v.detach().cpu().contiguous() for n, v in self.network.encoder.state_dict().items()}

        def fill(new: Path) -> None:
            save_file(weights, new / WEIGHTS_NAME, metadata={"format": "pt"})
            for name in (CONFIG_NAME, TOKENIZER_NAME):
                shutil.copyfile(self._base / name, new / name)

        if self.accelerator.is_main_process:
            write_folder(target, fill)
        self.accelerator.wait_for_everyone()
        return target


def run_adaptation(config: AdaptConfig) -> Path:
    """Adapt to the end and write the encoder; where ``config.out`` holds an unfinished run, go on with it.

    Returns:
        The folder ``config.out``/model, a base for training.

    Raises:
        InputError: If the configuration or a text cannot be used, or ``out`` holds another run.
        CheckpointError: If the base cannot be loaded.
    """
    adaptation = Adaptation(config)
    adaptation.run()
    return adaptation.finish()
