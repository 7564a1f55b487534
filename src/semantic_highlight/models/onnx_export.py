"""From a torch network to an ONNX graph, the proof that it computes the same, and int8 weights for it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from semantic_highlight.errors import CheckpointError, MissingExtraError

if TYPE_CHECKING:
    import onnx

    Array = np.ndarray[tuple[int, ...], np.dtype[np.float32]]
    Samples = Iterable[Mapping[str, torch.Tensor]]

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
        with warnings.catch_warnings(), _errors_alone("torch.onnx._internal.exporter._registration"):
            # The exporter warns of its own deprecated parts, and logs that there is no torchvision;
            # verify_graph tells whether it worked.
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
        raise MissingExtraError(error.name or "onnxscript", "torch") from error
    except Exception as error:  # the exporter raises whatever its passes do
        raise CheckpointError(f"torch cannot export this network: {_first_line(error)}") from error
    if program is None:
        raise CheckpointError("the exporter returned nothing; its log says why")
    return program


def verify_graph(graph: Path | bytes, model: torch.nn.Module, samples: Samples) -> None:
    """Compare a graph with the network on inputs that the export did not see.

    Raises:
        CheckpointError: If it does not compute what the network does.
    """
    for found, wanted in compare(graph, model, samples):
        gap = float(np.abs(found - wanted).max())
        if not gap <= EXPORT_TOLERANCE:
            raise CheckpointError(
                f"the ONNX graph differs from the network by {gap:.2g} at length {wanted.shape[1]}"
            )


def compare(graph: Path | bytes, model: torch.nn.Module, samples: Samples) -> Iterator[tuple[Array, Array]]:
    """Yield what a graph and the network return for each sample."""
    import onnxruntime

    source = graph if isinstance(graph, bytes) else str(graph)
    session = onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])
    # The exporter leaves out an input that the network does not use.
    names = [one.name for one in session.get_inputs()]
    for inputs in samples:
        found = session.run(None, {name: inputs[name].numpy() for name in names})[0]
        with torch.inference_mode():
            yield found, model.eval()(**inputs).numpy()


def quantise_linear(
    graph: onnx.ModelProto, out: Path, *, excluded: Collection[str], external: bool = False
) -> None:
    """Write a graph with its linear layers in int8; what goes into them is rounded as it comes.

    One scale a channel and seven bits (``reduce_range``): CPUs without VNNI saturate on eight.

    Args:
        graph: In float32.
        out: The file to write.
        excluded: Names of ``MatMul`` nodes that stay as they are.
        external: Whether weights go into a file of their own beside it.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with _errors_alone():  # it advises to infer shapes, which linear layers do without
        quantize_dynamic(
            graph,
            str(out),
            op_types_to_quantize=["MatMul"],
            nodes_to_exclude=list(excluded),
            per_channel=True,
            reduce_range=True,
            weight_type=QuantType.QInt8,
            use_external_data_format=external,
            # The type of what follows an operator of ONNX Runtime's own cannot be inferred.
            extra_options={"MatMulConstBOnly": True, "DefaultTensorType": onnx.TensorProto.FLOAT},
        )


@contextmanager
def _errors_alone(logger: str | None = None) -> Iterator[None]:
    """Pass on nothing below an error of what one logger, by default the root, is given itself."""

    def is_error(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR

    source = logging.getLogger(logger)
    source.addFilter(is_error)
    try:
        yield
    finally:
        source.removeFilter(is_error)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"
