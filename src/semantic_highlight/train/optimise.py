"""How the weights move: groups of parameters, and the learning rate over the run."""

from __future__ import annotations

import math

import torch

from semantic_highlight.train.config import Optimisation


def build_optimizer(model: torch.nn.Module, options: Optimisation) -> torch.optim.AdamW:
    """Return AdamW with its own rates for embeddings and heads; biases and norms do not decay."""
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        rate = _relative_rate(name, options)
        decay = options.weight_decay if parameter.ndim > 1 and "embeddings" not in name else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    parameters = [
        {
            "params": group,
            "lr": options.learning_rate * rate,
            "initial_lr": options.learning_rate * rate,
            "weight_decay": decay,
        }
        for (rate, decay), group in groups.items()
    ]
    return torch.optim.AdamW(parameters, lr=options.learning_rate, betas=(0.9, 0.98), fused=True)


def _relative_rate(name: str, options: Optimisation) -> float:
    if name.startswith("document."):
        return options.document_rate
    if "embeddings" in name:
        return options.embedding_rate
    return options.head_rate if "head." in name else 1.0


def rate_at(share: float, options: Optimisation) -> float:
    """Return the learning rate at a share of the run, relative to its peak: linear warm-up, then a cosine."""
    if share < options.warmup:
        return max(share / options.warmup, 0.01)
    done = min((share - options.warmup) / max(1 - options.warmup, 1e-9), 1.0)
    return options.final_rate + (1 - options.final_rate) * 0.5 * (1 + math.cos(math.pi * done))
