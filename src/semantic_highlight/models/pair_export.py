"""Write the network of a checkpoint that reads pairs as an ONNX file, in float32 or with int8 layers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import torch

from semantic_highlight.errors import CheckpointError
from semantic_highlight.models.fused_attention import fused_attention
from semantic_highlight.models.onnx_export import compare, export_program, quantise_linear, verify_graph

if TYPE_CHECKING:
    from semantic_highlight.models.family import LoadedCheckpoint
    from semantic_highlight.models.network import PairNetwork

# Protocol buffers end at 2 GB, so beyond this weights go into a file of their own.
_MOST_INSIDE = 1_500_000_000
LEAST_CORRELATION = 0.95
"""Of what an int8 graph returns with what the network does, on random tokens. Twelve random layers give
.9998; below this an encoder has values too far apart for one scale, and its scores would not be its own."""
_HEADS = ("network.token_head", "network.ranking")


class _OneWindow(torch.nn.Module):
    """A window without padding in; its log-odds out, with the ranking logit behind them if there is one."""

    def __init__(self, network: PairNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, input_ids: torch.Tensor, token_type_ids: torch.Tensor) -> torch.Tensor:
        log_odds, ranking = self.network(input_ids, torch.ones_like(input_ids), token_type_ids)
        return log_odds if ranking is None else torch.cat([log_odds, ranking[:, None]], dim=1)


def export_onnx(loaded: LoadedCheckpoint, path: Path, *, int8: bool = False) -> None:
    """Export a network and compare the file with it.

    Args:
        loaded: A checkpoint on the CPU, in float32.
        path: The file to write; large weights go into a second one beside it.
        int8: Whether the linear layers of the encoder are in int8: half of the time on CPUs
            with VNNI, and every score a little off. The heads stay as they are.

    Raises:
        CheckpointError: If the network cannot be exported or does not stand int8, or the graph does not
            compute what it does.
        MissingExtraError: If the exporter is not installed.
    """
    with TemporaryDirectory(dir=path.parent) as folder:
        exact = Path(folder) / path.name if int8 else path
        external, heads = _export_exact(loaded, exact)
        if int8:
            import onnx  # the exporter has said by now if it is missing

            graph = onnx.load(exact)
            # Shapes are inferred anew, and ModernBERT's come out otherwise than the exporter noted them.
            del graph.graph.value_info[:]
            try:
                quantise_linear(graph, path, excluded=heads, external=external)
                _check_int8(loaded, path)
            except BaseException:
                _remove(path)
                raise


def _export_exact(loaded: LoadedCheckpoint, path: Path) -> tuple[bool, list[str]]:
    """Write the float32 graph; return whether it has a second file, and the names of the heads' products."""
    network: PairNetwork = loaded.network  # type: ignore[assignment]
    model = _OneWindow(network).eval()
    most = loaded.traits.max_length
    sample = _sample(min(37, most), loaded, seed=0)
    with fused_attention(network.body):
        program = export_program(model, sample, longest=dict.fromkeys(sample, most))
    external = sum(value.nbytes for value in network.state_dict().values()) > _MOST_INSIDE
    program.save(str(path), external_data=external)
    try:
        verify_graph(path, model, _samples(loaded))
    except BaseException:
        _remove(path)
        raise
    of_heads = [
        str(node.name)
        for node in program.model.graph
        if any(head in node.metadata_props.get("pkg.torch.onnx.name_scopes", "") for head in _HEADS)
    ]
    return external, of_heads


def _remove(path: Path) -> None:
    """Remove a graph, as a folder with one runs on it, and the second file of its weights."""
    for file in (path, path.with_name(f"{path.name}.data")):
        file.unlink(missing_ok=True)


def _check_int8(loaded: LoadedCheckpoint, path: Path) -> None:
    pairs = list(compare(path, _OneWindow(loaded.network), _samples(loaded)))  # type: ignore[arg-type]
    found, wanted = (np.concatenate([side.ravel() for side in sides]) for sides in zip(*pairs, strict=True))
    correlation = float(np.corrcoef(found, wanted)[0, 1])
    if not correlation >= LEAST_CORRELATION:
        raise CheckpointError(
            f"{loaded.traits.name} does not stand int8: its log-odds correlate by {correlation:.2f} with "
            f"those in float32, {LEAST_CORRELATION} is the least; convert it with --onnx alone"
        )


def _samples(loaded: LoadedCheckpoint) -> Iterator[dict[str, torch.Tensor]]:
    lengths = [length for length in (9, 50, 200, 512) if length <= loaded.traits.max_length]
    return (_sample(length, loaded, seed=length) for length in lengths)


def _sample(length: int, loaded: LoadedCheckpoint, *, seed: int) -> dict[str, torch.Tensor]:
    """Return random ids of a vocabulary, and the types of a query half and a context half."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(5, loaded.tokenizer.get_vocab_size(), (1, length), generator=generator)
    types = (torch.arange(length) * 2 // length)[None] * loaded.traits.layout.context_type
    return {"input_ids": ids, "token_type_ids": types}
