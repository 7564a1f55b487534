"""The average of models that were trained from one, often better than each (Wortsman et al. 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from semantic_highlight.errors import CheckpointError, InputError
from semantic_highlight.models.packed.checkpoint import read_config
from semantic_highlight.models.packed.weights import load_network
from semantic_highlight.train.build import write_model


def average_models(folders: Sequence[Path], out: Path, *, weights: Sequence[float]) -> Path:
    """Write the weighted average of the networks of model folders; their shares sum to one.

    The models must have been trained from the same one, or their weights have nothing to do with each
    other. Settings and tokenizer are those of the first; calibrate the result anew.

    Args:
        folders: The models, at least two.
        out: The folder to write.
        weights: The weight of each, above 0.

    Returns:
        ``out``.

    Raises:
        InputError: If the weights do not fit the folders.
        CheckpointError: If a model cannot be loaded, or has other weights than the first.
    """
    if len(folders) < 2 or len(folders) != len(weights) or min(weights) <= 0:
        raise InputError(
            f"{len(folders)} models with the weights {list(weights)}: give at least two models, and for each "
            "a weight above 0"
        )
    networks = [load_network(folder) for folder in folders]
    states = [network.state_dict() for network in networks]
    shapes = [{name: value.shape for name, value in state.items()} for state in states]
    for folder, some in zip(folders, shapes, strict=True):
        if some != shapes[0]:
            raise CheckpointError(
                f"{folder} has other weights than {folders[0]}: average models of one base and one head"
            )
    shares = torch.tensor(weights, dtype=torch.float64) / sum(weights)
    averaged = {
        name: sum(share * state[name].double() for share, state in zip(shares, states, strict=True)).to(value)
        for name, value in states[0].items()
    }
    networks[0].load_state_dict(averaged)
    write_model(out, networks[0], read_config(folders[0]), tokenizer=folders[0])
    return out
