"""Write the network of a checkpoint that reads pairs as an ONNX file."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from semantic_highlight.errors import CheckpointError, MissingExtraError

if TYPE_CHECKING:
    from semantic_highlight.models.family import LoadedCheckpoint
    from semantic_highlight.models.network import PairNetwork

EXPORT_TOLERANCE = 1e-3
"""Largest difference between the exported graph and torch, in logits; 1e-5 is usual."""
# Protocol buffers end at 2 GB, so beyond this weights go into a file of their own.
_MOST_INSIDE = 1_500_000_000


class _OneWindow(torch.nn.Module):
    """A window without padding in; its log-odds out, with the ranking logit behind them if there is one."""

    def __init__(self, network: PairNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, input_ids: torch.Tensor, token_type_ids: torch.Tensor) -> torch.Tensor:
        log_odds, ranking = self.network(input_ids, torch.ones_like(input_ids), token_type_ids)
        return log_odds if ranking is None else torch.cat([log_odds, ranking[:, None]], dim=1)


def export_onnx(loaded: LoadedCheckpoint, path: Path) -> None:
    """Export a network in float32 and compare the file with it.

    Args:
        loaded: A checkpoint on the CPU, in float32. Its attention is switched to plain products.
        path: The file to write; large weights go into a second one beside it.

    Raises:
        CheckpointError: If the network cannot be exported, or the graph does not compute what it does.
        MissingExtraError: If the exporter is not installed.
    """
    network: Any = loaded.network
    if hasattr(network.body, "set_attn_implementation"):
        # What stands for scaled_dot_product_attention in a graph carries guards against NaN.
        network.body.set_attn_implementation("eager")
    model = _OneWindow(network).eval()
    most = loaded.traits.max_length
    program = _program(model, _sample(min(37, most), loaded, seed=0), most)
    size = sum(value.nbytes for value in network.state_dict().values())
    program.save(str(path), external_data=size > _MOST_INSIDE)
    try:
        _verify(path, loaded)
    except BaseException:
        path.unlink()  # a folder with a graph runs on it
        raise


def _program(model: _OneWindow, inputs: dict[str, torch.Tensor], most: int) -> torch.onnx.ONNXProgram:
    length = torch.export.Dim("length", min=4, max=most)
    try:
        with warnings.catch_warnings():
            # The exporter warns of its own deprecated parts; _verify is what tells whether it worked.
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                model,
                tuple(inputs.values()),
                input_names=list(inputs),
                output_names=["logits"],
                dynamic_shapes=tuple({1: length} for _ in inputs),
                opset_version=20,
                dynamo=True,
                verbose=False,
            )
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "onnxscript", "train") from error
    except Exception as error:  # the exporter raises whatever its passes do
        raise CheckpointError(f"torch cannot export this network: {_first_line(error)}") from error
    if program is None:
        raise CheckpointError("the exporter returned nothing; its log says why")
    return program


def _sample(length: int, loaded: LoadedCheckpoint, *, seed: int) -> dict[str, torch.Tensor]:
    """Return inputs as different from each other as can be: one tensor given twice exports a wrong graph."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(5, loaded.tokenizer.get_vocab_size(), (1, length), generator=generator)
    types = (torch.arange(length) * 2 // length)[None] * loaded.traits.layout.context_type
    return {"input_ids": ids, "token_type_ids": types}


def _verify(path: Path, loaded: LoadedCheckpoint) -> None:
    """Compare the file with the network on lengths and inputs that the export did not see."""
    import onnxruntime

    network: Any = loaded.network
    model = _OneWindow(network).eval()
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_inputs()]
    for length in (9, 50, 200, 512):
        if length > loaded.traits.max_length:
            break
        inputs = _sample(length, loaded, seed=length)
        found = session.run(None, {name: inputs[name].numpy() for name in names})[0]
        with torch.inference_mode():
            wanted = model(**inputs).numpy()
        gap = float(np.abs(found - wanted).max())
        if not gap <= EXPORT_TOLERANCE:
            raise CheckpointError(f"the ONNX graph differs from the network by {gap:.2g} at length {length}")


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"
