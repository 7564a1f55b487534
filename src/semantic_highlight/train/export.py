"""Write a trained network as one ONNX file with int8 weights, and read it back for fine-tuning."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper

from semantic_highlight.errors import CheckpointError
from semantic_highlight.train.model import PruningModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

EXPORT_TOLERANCE = 1e-3
"""Largest difference between the exported fp32 graph and torch, in logits; 1e-5 is usual."""
_TABLE = "encoder.embeddings.word_embeddings.weight"
_QUANTISED, _SCALE, _ZERO = "_quantized", "_scale", "_zero_point"


class _Logits(torch.nn.Module):
    def __init__(self, model: PruningModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, token_type_ids: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.model(input_ids, token_type_ids)[0]
        return logits


def to_onnx(model: PruningModel, *, max_length: int = 512) -> onnx.ModelProto:
    """Export the network in fp32: ``input_ids``, ``token_type_ids`` ``[1, length]`` -> ``logits`` ``[1, length]``.

    Weights keep the names of the torch state, so that :func:`read_weights` can find them again.

    Raises:
        CheckpointError: If the exported graph does not compute what the network does.
    """
    model.eval()
    ids, types = torch.randint(1000, 3000, (1, 37)), torch.tensor([[0] * 9 + [1] * 28])
    length = torch.export.Dim("length", min=4, max=max_length)
    program = torch.onnx.export(
        _Logits(model).eval(),
        (ids, types),
        input_names=["input_ids", "token_type_ids"],
        output_names=["logits"],
        dynamic_shapes=({1: length}, {1: length}),
        opset_version=20,
        dynamo=True,
        verbose=False,
    )
    graph = program.model_proto
    _name_weights(graph)
    _verify(graph, model)
    return graph


def _name_weights(proto: onnx.ModelProto) -> None:
    """Give initializers their torch names; the exporter folds a linear layer's transposed weight into ``val_n``."""
    weights = {i.name for i in proto.graph.initializer}
    bias_of = {}
    for node in proto.graph.node:
        if node.op_type == "Add":
            for product, bias in (node.input, reversed(node.input)):
                if bias in weights and bias.endswith(".bias"):
                    bias_of[product] = bias
    renamed = {name: name.removeprefix("model.") for name in weights}
    for node in proto.graph.node:
        if node.op_type == "MatMul" and node.input[1] in weights and node.output[0] in bias_of:
            renamed[node.input[1]] = (
                bias_of[node.output[0]].removeprefix("model.").removesuffix("bias") + "weight"
            )
    for initializer in proto.graph.initializer:
        initializer.name = renamed[initializer.name]
    for node in proto.graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = renamed.get(name, name)


def _verify(proto: onnx.ModelProto, model: PruningModel) -> None:
    """Compare the graph with the network on lengths and inputs that the export did not see."""
    import onnxruntime

    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    generator = torch.Generator().manual_seed(0)
    for length in (5, 64, 200):
        ids = torch.randint(5, 20_000, (1, length), generator=generator) % model.encoder.config.vocab_size
        types = torch.tensor([[0] * (length // 4 + 1) + [1] * (length - length // 4 - 1)])
        types[0, -1 - length // 3 :] += torch.randint(0, 2, (1 + length // 3,), generator=generator)
        found = session.run(None, {"input_ids": ids.numpy(), "token_type_ids": types.numpy()})[0]
        with torch.inference_mode():
            wanted = model(ids, types)[0].numpy()
        gap = float(np.abs(found - wanted).max())
        if not gap <= EXPORT_TOLERANCE:
            raise CheckpointError(f"the ONNX graph differs from the network by {gap:.2g} at length {length}")


def quantise(proto: onnx.ModelProto, out: Path, *, keep: tuple[str, ...] = ()) -> None:
    """Write the graph with int8 weights.

    The embedding table gets one scale a row. Linear layers are quantised dynamically with one scale a
    channel and seven bits (``reduce_range``): CPUs without VNNI saturate on eight.

    Args:
        proto: From :func:`to_onnx`.
        out: The file to write.
        keep: Substrings of weight names that stay in fp32.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    proto = onnx.ModelProto.FromString(proto.SerializeToString())
    _quantise_table(proto)
    linear = {i.name for i in proto.graph.initializer if i.name.endswith(".weight") and len(i.dims) == 2}
    stays = ("embeddings", "pruning_head", *keep)
    excluded = [
        node.name
        for node in proto.graph.node
        if node.op_type == "MatMul"
        and (node.input[1] not in linear or any(s in node.input[1] for s in stays))
    ]
    quantize_dynamic(
        proto,
        str(out),
        op_types_to_quantize=["MatMul"],
        nodes_to_exclude=excluded,
        per_channel=True,
        reduce_range=True,
        weight_type=QuantType.QInt8,
        extra_options={"MatMulConstBOnly": True},
    )


def _quantise_table(proto: onnx.ModelProto) -> None:
    """Replace the embedding lookup by one in int8 with a scale for each row."""
    graph = proto.graph
    table = next(i for i in graph.initializer if i.name == _TABLE)
    values = numpy_helper.to_array(table).astype(np.float32)
    scales = np.maximum(np.abs(values).max(axis=1, keepdims=True) / 127.0, 1e-12).astype(np.float32)
    rounded = np.clip(np.round(values / scales), -127, 127).astype(np.int8)
    graph.initializer.remove(table)
    graph.initializer.append(numpy_helper.from_array(rounded, _TABLE + _QUANTISED))
    graph.initializer.append(numpy_helper.from_array(scales, _TABLE + _SCALE))
    place, lookup = next(
        (i, n) for i, n in enumerate(graph.node) if n.op_type == "Gather" and n.input[0] == _TABLE
    )
    ids, result = lookup.input[1], lookup.output[0]
    nodes = [
        helper.make_node("Gather", [_TABLE + _QUANTISED, ids], ["embedding_int8"], name="embedding_rows"),
        helper.make_node(
            "Cast", ["embedding_int8"], ["embedding_float"], name="embedding_cast", to=onnx.TensorProto.FLOAT
        ),
        helper.make_node("Gather", [_TABLE + _SCALE, ids], ["embedding_scale"], name="embedding_scales"),
        helper.make_node("Mul", ["embedding_float", "embedding_scale"], [result], name="embedding_scaled"),
    ]
    graph.node.remove(lookup)
    for offset, node in enumerate(nodes):
        graph.node.insert(place + offset, node)


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Read the weights of an exported file back under their torch names, dequantised to fp32.

    Raises:
        CheckpointError: If the file is not one that :func:`quantise` or :func:`to_onnx` wrote.
    """
    stored = {i.name: numpy_helper.to_array(i) for i in onnx.load(str(path)).graph.initializer}
    if not {_TABLE, _TABLE + _QUANTISED} & stored.keys():
        raise CheckpointError(f"{path} has no {_TABLE}: it is not an ONNX file of this package")
    weights: dict[str, NDArray[Any]] = {}
    for name, value in stored.items():
        if (
            name.endswith((_SCALE, _ZERO))
            and name.removesuffix(_SCALE).removesuffix(_ZERO) + _QUANTISED in stored
        ):
            continue
        plain = name.removesuffix(_QUANTISED)
        if plain != name:
            zero = stored.get(plain + _ZERO, np.zeros(1, np.int8)).astype(np.float32)
            value = (value.astype(np.float32) - zero) * stored[plain + _SCALE].astype(np.float32)
        is_linear = plain.endswith(".weight") and value.ndim == 2 and "embeddings" not in plain
        weights[plain] = value.T if is_linear else value
    return {name: torch.from_numpy(np.array(value)) for name, value in weights.items() if "." in name}
