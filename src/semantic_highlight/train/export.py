"""Write a trained network as one ONNX file with weights in int8 or half precision."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper

from semantic_highlight.errors import CheckpointError
from semantic_highlight.models.onnx_export import export_program, quantise_linear, verify_graph
from semantic_highlight.models.packed.network import PruningModel
from semantic_highlight.models.packed.weights import HALF, QUANTISED, SCALE, TABLE
from semantic_highlight.models.packed.word_matches import LEXICAL_FEATURES

logger = logging.getLogger(__name__)

MAX_LENGTH, MAX_BLOCKS = 8192, 2048
"""Longest window that the graph takes, in tokens and in blocks."""


class _Logits(torch.nn.Module):
    def __init__(self, model: PruningModel) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        input_ids: torch.Tensor,
        token_type_ids: torch.Tensor,
        position_ids: torch.Tensor,
        block_ids: torch.Tensor,
        lexical: torch.Tensor,
    ) -> torch.Tensor:
        logits: torch.Tensor = self.model(input_ids, token_type_ids, position_ids, block_ids, lexical)[0]
        return logits


def to_onnx(model: PruningModel) -> onnx.ModelProto:
    """Export the network in fp32: the inputs of a ``Window``, each with a batch of one, to ``logits``.

    Weights keep the names of the torch state, so that ``read_weights`` can find them again.

    Raises:
        CheckpointError: If the exported graph does not compute what the network does.
    """
    inputs = _sample(37, vocabulary=model.encoder.config.vocab_size, seed=0)
    # Attention as plain products: what stands for scaled_dot_product_attention carries guards against NaN.
    # With what is added to every product here, fused_attention saves 0 to 7 % of the time on ONNX Runtime
    # 1.31 and costs up to 30 % on 1.20.
    model.encoder.set_attn_implementation("eager")
    network = _Logits(model)
    longest = dict.fromkeys(inputs, MAX_LENGTH) | {"lexical": MAX_BLOCKS}
    program = export_program(network, inputs, longest=longest)
    proto = program.model_proto
    _strip_traces(proto)
    _name_weights(proto)
    samples = (_sample(n, vocabulary=model.encoder.config.vocab_size, seed=n) for n in (5, 64, 200))
    verify_graph(proto.SerializeToString(), network, samples)
    return proto


def _sample(length: int, *, vocabulary: int, seed: int) -> dict[str, torch.Tensor]:
    """Return the inputs of a window of five blocks."""
    generator = torch.Generator().manual_seed(seed)
    blocks = torch.arange(length) * 5 // length
    starts = torch.searchsorted(blocks, blocks)
    types = torch.where(blocks == 0, 0, torch.randint(1, 3, (length,), generator=generator))
    ids = torch.randint(5, vocabulary, (length,), generator=generator)
    lexical = torch.rand((5, LEXICAL_FEATURES), generator=generator)
    values = (ids, types, torch.arange(length) - starts, blocks, lexical)
    names = ("input_ids", "token_type_ids", "position_ids", "block_ids", "lexical")
    return {name: value[None] for name, value in zip(names, values, strict=True)}


def _strip_traces(proto: onnx.ModelProto) -> None:
    """Remove the exporter's notes: they carry the source paths of whoever exported."""
    for part in (proto, proto.graph, *proto.graph.node, *proto.graph.value_info):
        del part.metadata_props[:]


def _name_weights(proto: onnx.ModelProto) -> None:
    """Give initializers their torch names.

    The exporter keeps the names of biases, but folds the transposed weight of a linear layer into
    ``val_12``; it is known by the bias that is added to its product.
    """
    weights = {i.name for i in proto.graph.initializer}
    bias_of = {
        product: bias
        for node in proto.graph.node
        if node.op_type == "Add"
        for product, bias in (tuple(node.input), tuple(reversed(node.input)))
        if bias in weights and bias.endswith(".bias")
    }
    renamed = {name: name.removeprefix("model.") for name in weights}
    for node in proto.graph.node:
        bias = bias_of.get(node.output[0]) if node.op_type == "MatMul" else None
        if bias is not None and node.input[1] in weights:
            renamed[node.input[1]] = renamed[bias].removesuffix("bias") + "weight"
    if len(set(renamed.values())) < len(renamed):
        # The exporter keeps equal tensors once, so their names cannot be told apart.
        raise CheckpointError("two weights of the network are equal: train it before it is exported")
    _rename(proto.graph, renamed)


def _rename(graph: onnx.GraphProto, names: dict[str, str]) -> None:
    for initializer in graph.initializer:
        initializer.name = names[initializer.name]
    for node in graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = names.get(name, name)


def quantise(proto: onnx.ModelProto, out: Path, *, keep: tuple[str, ...] = ()) -> None:
    """Write the graph with int8 weights.

    The embedding table gets one scale a row; linear layers are quantised by ``quantise_linear``.

    Args:
        proto: From :func:`to_onnx`.
        out: The file to write.
        keep: Substrings of the names of weights that are stored in half precision instead, and computed with
            in fp32: twice the size and slower, but as good as exact.
    """
    proto = onnx.ModelProto.FromString(proto.SerializeToString())
    _quantise_table(proto)
    linear = {i.name for i in proto.graph.initializer if i.name.endswith(".weight") and len(i.dims) == 2}
    _halve(proto, [name for name in linear if any(part in name for part in keep)])
    stays = ("embeddings", "pruning_head", "document", *keep)
    excluded = [
        node.name
        for node in proto.graph.node
        if node.op_type == "MatMul"
        and (node.input[1] not in linear or any(s in node.input[1] for s in stays))
    ]
    quantise_linear(proto, out, excluded=excluded)


def _halve(proto: onnx.ModelProto, names: Sequence[str]) -> None:
    """Store weights in half precision; ONNX Runtime turns them back once, when it loads the file."""
    graph = proto.graph
    for name in names:
        weight = next(i for i in graph.initializer if i.name == name)
        values = numpy_helper.to_array(weight).astype(np.float16)
        graph.initializer.remove(weight)
        graph.initializer.append(numpy_helper.from_array(values, name + HALF))
        cast = helper.make_node(
            "Cast", [name + HALF], [name], name=f"{name}{HALF}_cast", to=onnx.TensorProto.FLOAT
        )
        graph.node.insert(0, cast)


def _quantise_table(proto: onnx.ModelProto) -> None:
    """Replace the embedding lookup by one in int8 with a scale for each row."""
    graph = proto.graph
    table = next(i for i in graph.initializer if i.name == TABLE)
    values = numpy_helper.to_array(table).astype(np.float32)
    scales = np.maximum(np.abs(values).max(axis=1, keepdims=True) / 127.0, 1e-12).astype(np.float32)
    rounded = np.clip(np.round(values / scales), -127, 127).astype(np.int8)
    graph.initializer.remove(table)
    graph.initializer.append(numpy_helper.from_array(rounded, TABLE + QUANTISED))
    graph.initializer.append(numpy_helper.from_array(scales, TABLE + SCALE))
    place, lookup = next(
        (i, n) for i, n in enumerate(graph.node) if n.op_type == "Gather" and n.input[0] == TABLE
    )
    ids, result = lookup.input[1], lookup.output[0]
    nodes = [
        helper.make_node("Gather", [TABLE + QUANTISED, ids], ["embedding_int8"], name="embedding_rows"),
        helper.make_node(
            "Cast", ["embedding_int8"], ["embedding_float"], name="embedding_cast", to=onnx.TensorProto.FLOAT
        ),
        helper.make_node("Gather", [TABLE + SCALE, ids], ["embedding_scale"], name="embedding_scales"),
        helper.make_node("Mul", ["embedding_float", "embedding_scale"], [result], name="embedding_scaled"),
    ]
    graph.node.remove(lookup)
    for offset, node in enumerate(nodes):
        graph.node.insert(place + offset, node)
