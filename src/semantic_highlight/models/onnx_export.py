"""From a torch network to an ONNX graph, and the proof that it computes the same."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import torch

from semantic_highlight.errors import CheckpointError, MissingExtraError

EXPORT_TOLERANCE = 1e-3
"""Largest difference between an exported graph and torch, in logits; 1e-5 is usual."""


def export_program(
    model: torch.nn.Module, inputs: Mapping[str, torch.Tensor], *, longest: Mapping[str, int]
) -> torch.onnx.ONNXProgram:
    """Export a network that takes one window, inputs ``[1, any number, ...]``, and returns its logits.

    Args:
        model: Takes the inputs by place and returns one tensor.
        inputs: An example. They must differ from each other: one tensor given twice exports a wrong graph.
        longest: How many the graph takes at most of each input; of those with as many, one number counts.

    Raises:
        CheckpointError: If torch cannot export it.
        MissingExtraError: If the exporter is not installed.
    """
    sizes = {most: torch.export.Dim(f"up_to_{most}", min=3, max=most) for most in longest.values()}
    try:
        with warnings.catch_warnings():
            # The exporter warns of its own deprecated parts; verify_graph tells whether it worked.
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                model.eval(),
                tuple(inputs.values()),
                input_names=list(inputs),
                output_names=["logits"],
                dynamic_shapes=tuple({1: sizes[longest[name]]} for name in inputs),
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


def verify_graph(
    graph: Path | bytes, model: torch.nn.Module, samples: Iterable[Mapping[str, torch.Tensor]]
) -> None:
    """Compare a graph with the network on inputs that the export did not see.

    Raises:
        CheckpointError: If it does not compute what the network does.
    """
    import onnxruntime

    source = graph if isinstance(graph, bytes) else str(graph)
    session = onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])
    # The exporter leaves out an input that the network does not use.
    names = [one.name for one in session.get_inputs()]
    for inputs in samples:
        found = session.run(None, {name: inputs[name].numpy() for name in names})[0]
        with torch.inference_mode():
            wanted = model.eval()(**inputs).numpy()
        gap = float(np.abs(found - wanted).max())
        if not gap <= EXPORT_TOLERANCE:
            length = next(iter(inputs.values())).shape[1]
            raise CheckpointError(f"the ONNX graph differs from the network by {gap:.2g} at length {length}")


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"
