"""Runs the packed windows of this package's own family with torch, for devices other than a CPU."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from semantic_highlight.models.encoder import CPU_BATCH_TOKENS, GPU_BATCH_TOKENS, plan_batches
from semantic_highlight.models.packed.pairs import Window
from semantic_highlight.models.packed.weights import load_network
from semantic_highlight.models.packed.word_matches import LEXICAL_FEATURES

if TYPE_CHECKING:
    from numpy.typing import NDArray


def pad_windows(windows: Sequence[Window]) -> dict[str, torch.Tensor]:
    """Return the inputs of a batch by name, padded on the right: ``[batch, length]``.

    ``lexical`` is ``[batch, blocks, features]``. Padding is of block -1, which nothing sees.
    """
    shape = (len(windows), max(len(window.ids) for window in windows))
    ids, types, positions = (np.zeros(shape, dtype=np.int64) for _ in range(3))
    blocks = np.full(shape, -1, dtype=np.int64)
    most = max(len(window.lexical) for window in windows)
    lexical = np.zeros((len(windows), most, LEXICAL_FEATURES), dtype=np.float32)
    for row, window in enumerate(windows):
        size = len(window.ids)
        ids[row, :size] = window.ids
        types[row, :size] = window.types
        positions[row, :size] = window.positions
        blocks[row, :size] = window.blocks
        lexical[row, : len(window.lexical)] = window.lexical
    values = {
        "input_ids": ids,
        "token_type_ids": types,
        "position_ids": positions,
        "block_ids": blocks,
        "lexical": lexical,
    }
    return {name: torch.from_numpy(value) for name, value in values.items()}


class PackedTorchEngine:
    """Token logits for windows, in batches of similar length; the attention bias makes padding invisible.

    Threads may share it; their batches take turns.

    Args:
        folder: The model folder. Weights that it holds in int8 alone are dequantised.
        device: Where it runs.
        dtype: What the encoder computes in; the heads compute in float32.

    Raises:
        CheckpointError: If files are missing, or the weights are not exactly those of the network.
        MissingExtraError: If the folder has an ONNX file alone and ``onnx`` is not installed.
    """

    def __init__(self, folder: Path, *, device: torch.device, dtype: torch.dtype) -> None:
        network = load_network(folder).eval()
        torch.nn.Module.to(network.encoder, dtype=dtype)
        self._network, self._device = network.to(device), device
        self._batch_tokens = CPU_BATCH_TOKENS if device.type == "cpu" else GPU_BATCH_TOKENS
        self._lock = threading.Lock()

    def logits(self, windows: Sequence[Window]) -> list[NDArray[np.float32]]:
        """Return the logits of the context tokens of each window, in the order of the windows."""
        found: dict[int, NDArray[np.float32]] = {}
        for batch in plan_batches([len(window.ids) for window in windows], self._batch_tokens):
            rows = self._run([windows[index] for index in batch])
            found |= {i: row[windows[i].places] for i, row in zip(batch, rows, strict=True)}
        return [found[index] for index in range(len(windows))]

    def _run(self, windows: Sequence[Window]) -> NDArray[np.float32]:
        inputs = {name: value.to(self._device) for name, value in pad_windows(windows).items()}
        with self._lock, torch.inference_mode():
            logits: NDArray[np.float32] = self._network(**inputs)[0].cpu().numpy()
        return logits
