"""The network that every family is reduced to: log-odds of keeping each token, and one ranking logit."""

from __future__ import annotations

import torch
from torch import nn


class RankingHead(nn.Module):
    """One logit from the state of the first token, or from the mean state.

    Args:
        layers: From ``[B, 1, H]`` to ``[B, labels]``, of which the first counts.
        norm: Comes before pooling.
        mean: Whether the states are averaged, or the first is taken.
    """

    def __init__(self, layers: nn.Module, *, norm: nn.Module | None = None, mean: bool = False) -> None:
        super().__init__()
        self.layers, self.norm, self.mean = layers, norm or nn.Identity(), mean

    def forward(self, state: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Return ``[B]`` float32 logits."""
        state = self.norm((state if self.mean else state[:, :1]).float())
        if self.mean:
            weights = mask.unsqueeze(-1) / mask.sum(dim=1)[:, None, None]
            state = (state * weights).sum(dim=1, keepdim=True)
        logits: torch.Tensor = self.layers(state)
        return logits[:, 0]


class PairNetwork(nn.Module):
    """An encoder with a two-way head on every token and, where the checkpoint has one, a ranking head.

    Keeps no state between calls, so threads may share it.

    Args:
        body: The encoder; its last hidden state is what the token head was trained on.
        token_head: ``Linear(H, 2)``, drop and keep.
        ranking: The ranking head.
        takes_types: Whether the encoder has token types.
    """

    def __init__(
        self, body: nn.Module, token_head: nn.Linear, ranking: RankingHead | None, *, takes_types: bool
    ) -> None:
        super().__init__()
        self.body, self.token_head, self.ranking = body, token_head, ranking
        self.takes_types = takes_types

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return the log-odds of keep, ``[B, L]``, and ranking logits, ``[B]`` or None, in float32."""
        types = {"token_type_ids": token_type_ids} if self.takes_types else {}
        state = self.body(input_ids=input_ids, attention_mask=attention_mask, **types)[0]
        logits = self.token_head(state.float())
        ranking = None if self.ranking is None else self.ranking(state, attention_mask)
        return logits[..., 1] - logits[..., 0], ranking
