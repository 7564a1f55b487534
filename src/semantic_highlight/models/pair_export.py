"""Write the network of a checkpoint that reads pairs as an ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from semantic_highlight.models.onnx_export import export_program, verify_graph

if TYPE_CHECKING:
    from semantic_highlight.models.family import LoadedCheckpoint
    from semantic_highlight.models.network import PairNetwork

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
    sample = _sample(min(37, most), loaded, seed=0)
    program = export_program(model, sample, longest=dict.fromkeys(sample, most))
    size = sum(value.nbytes for value in network.state_dict().values())
    program.save(str(path), external_data=size > _MOST_INSIDE)
    try:
        lengths = [length for length in (9, 50, 200, 512) if length <= most]
        verify_graph(path, model, (_sample(length, loaded, seed=length) for length in lengths))
    except BaseException:
        path.unlink()  # a folder with a graph runs on it
        raise


def _sample(length: int, loaded: LoadedCheckpoint, *, seed: int) -> dict[str, torch.Tensor]:
    """Return random ids of a vocabulary, and the types of a query half and a context half."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(5, loaded.tokenizer.get_vocab_size(), (1, length), generator=generator)
    types = (torch.arange(length) * 2 // length)[None] * loaded.traits.layout.context_type
    return {"input_ids": ids, "token_type_ids": types}
