"""Lets the sentences of a document see each other: what one scores depends on how the others match."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from semantic_highlight.models.packed.word_matches import LEXICAL_FEATURES

NEAR = 6
"""Blocks farther apart than this count as equally far."""


class DocumentLayer(nn.Module):
    """A small transformer over the blocks of a window, one element a block, that corrects their logits.

    The encoder reads every sentence nearly alone (see ``network.attention_bias``), so it cannot tell the best
    match of a document from the best of one that does not answer, nor that the sentence after an answer goes
    on with it. Here each block looks at the logits and word matches of all others, and at how far off they
    are. What they say stays out: with their states it learned its training documents by heart (RUNS.md).

    Its output starts at zero.

    Args:
        width: Width of the layers.
        heads: Attention heads of each.
        layers: How many.
    """

    def __init__(self, *, width: int = 64, heads: int = 4, layers: int = 2) -> None:
        super().__init__()
        self.read = nn.Linear(1 + LEXICAL_FEATURES, width)
        self.layers = nn.ModuleList(_Layer(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, logits: torch.Tensor, lexical: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        """Return what to add to the logits of each block, ``[batch, blocks]``.

        Args:
            logits: ``[batch, blocks]``, mean logit of each; the first block is the query.
            lexical: ``[batch, blocks, features]``, see ``word_matches.lexical_features``.
            real: ``[batch, blocks]``, false on padding.
        """
        x = self.read(torch.cat([logits.unsqueeze(-1) / 4, lexical], dim=-1))
        place = torch.arange(lexical.shape[1], device=logits.device)
        distance = (place.unsqueeze(0) - place.unsqueeze(1)).clamp(-NEAR, NEAR) + NEAR + 1
        distance = torch.where(place == 0, torch.zeros_like(distance), distance)
        unseen = torch.where(real, 0.0, -1e4).unsqueeze(1).unsqueeze(1)
        for layer in self.layers:
            x = layer(x, distance, unseen)
        correction: torch.Tensor = self.out(self.norm(x)).squeeze(-1)
        return correction


class _Layer(nn.Module):
    """Pre-norm attention and feed-forward, with a learned bias for how far apart two blocks stand."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention, self.before_forward = nn.LayerNorm(width), nn.LayerNorm(width)
        self.queries, self.keys, self.values = (nn.Linear(width, width) for _ in range(3))
        self.mix = nn.Linear(width, width)
        self.distance_embeddings = nn.Embedding(2 * NEAR + 2, heads)
        nn.init.normal_(self.distance_embeddings.weight, std=0.02)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: torch.Tensor, distance: torch.Tensor, unseen: torch.Tensor) -> torch.Tensor:
        y = self.before_attention(x)
        batch, blocks, width = y.shape
        each = (batch, blocks, self.heads, width // self.heads)
        q, k, v = (part(y).view(each).transpose(1, 2) for part in (self.queries, self.keys, self.values))
        bias = self.distance_embeddings(distance).permute(2, 0, 1)
        scores = q @ k.transpose(-1, -2) / each[-1] ** 0.5 + bias + unseen
        mixed = (scores.softmax(dim=-1) @ v).transpose(1, 2).reshape(batch, blocks, width)
        x = x + self.mix(mixed)
        fed: torch.Tensor = x + self.down(functional.gelu(self.up(self.before_forward(x))))
        return fed
