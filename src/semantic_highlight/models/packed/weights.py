"""The network of a model folder of this package's own family, from safetensors or from its ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import load_file

from semantic_highlight.errors import CheckpointError, MissingExtraError
from semantic_highlight.models.files import ONNX_NAME, WEIGHTS_NAME
from semantic_highlight.models.packed.checkpoint import read_config
from semantic_highlight.models.packed.network import PruningModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Data is not repeated much, and without dropout a run repeats exactly.
NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
TABLE = "encoder.embeddings.word_embeddings.weight"
"""Name of the embedding table, in torch and in an exported graph."""
QUANTISED, SCALE, ZERO = "_quantized", "_scale", "_zero_point"
"""What an exported graph appends to the name of a weight that it holds in int8."""
HALF = "_half"
"""What it appends to the name of one that it holds in half precision."""


def load_network(folder: Path) -> PruningModel:
    """Load the network of a finished model folder, from its safetensors or else from its ONNX file.

    Raises:
        CheckpointError: If files are missing, or the weights are not exactly those of the network.
    """
    from transformers import AutoConfig, AutoModel

    weights = _read_weights(folder)
    options = dict(read_config(folder).encoder) | NO_DROPOUT
    kind = options.pop("model_type", None)
    try:
        settings = AutoConfig.for_model(kind, **options)
        encoder = AutoModel.from_config(settings, add_pooling_layer=False)  # type: ignore[no-untyped-call]
        model = PruningModel(
            encoder,
            interaction="pruning_head.scale" in weights,
            lexical="pruning_head.lexical.weight" in weights,
            document="document.out.weight" in weights,
            ranking="ranking_head.weight" in weights,
        )
        model.load_state_dict(weights)
    except (RuntimeError, ValueError) as error:
        raise CheckpointError(
            f"{folder} does not hold the weights that its config.json says: {error}"
        ) from error
    return model


def _read_weights(folder: Path) -> dict[str, torch.Tensor]:
    if (folder / WEIGHTS_NAME).is_file():
        return load_file(folder / WEIGHTS_NAME)
    if (folder / ONNX_NAME).is_file():
        return read_weights(folder / ONNX_NAME)
    raise CheckpointError(
        f"{folder} has neither {WEIGHTS_NAME} nor {ONNX_NAME}: there are no weights to load"
    )


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Read the weights of an exported file back under their torch names, dequantised to fp32.

    Raises:
        CheckpointError: If the file is not one that ``train.export`` wrote.
        MissingExtraError: If ``onnx`` is not installed.
    """
    try:
        import onnx
        from onnx import numpy_helper
    except ModuleNotFoundError as error:
        raise MissingExtraError("onnx", "torch") from error
    stored = {i.name: numpy_helper.to_array(i) for i in onnx.load(str(path)).graph.initializer}
    if not {TABLE, TABLE + QUANTISED} & stored.keys():
        raise CheckpointError(f"{path} has no {TABLE}: it is not an ONNX file of this package")
    weights = {}
    for name, raw in stored.items():
        plain = name.removesuffix(QUANTISED).removesuffix(HALF)
        if "." not in name or plain.endswith((SCALE, ZERO)):
            continue
        value = _dequantised(stored, plain) if name.endswith(QUANTISED) else raw.astype(np.float32)
        is_linear = plain.endswith(".weight") and value.ndim == 2 and "embeddings" not in plain
        weights[plain] = torch.from_numpy(np.array(value.T if is_linear else value))
    return weights


def _dequantised(stored: dict[str, NDArray[Any]], name: str) -> NDArray[np.float32]:
    zero = stored.get(name + ZERO, np.zeros(1, np.int8))
    steps = stored[name + QUANTISED].astype(np.float32) - zero.astype(np.float32)
    value: NDArray[np.float32] = steps * stored[name + SCALE].astype(np.float32)
    return value
