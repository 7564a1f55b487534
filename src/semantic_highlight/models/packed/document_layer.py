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

    Works on any sequence whose elements belong to blocks: on the tokens of a window, where one token of each
    block stands for it as a key, or on the blocks themselves. Its output starts at zero.

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

    def forward(
        self, logits: torch.Tensor, lexical: torch.Tensor, blocks: torch.Tensor, keys: torch.Tensor
    ) -> torch.Tensor:
        """Return what to add to the logit of each element, ``[batch, elements]``.

        Args:
            logits: ``[batch, elements]``, mean logit of the block of each element.
            lexical: ``[batch, elements, features]``, see ``word_matches.lexical_features``.
            blocks: ``[batch, elements]``, number of the block, 0 for the query, below 0 for padding.
            keys: ``[batch, elements]``, true on the one element that stands for each block.
        """
        x = self.read(torch.cat([logits.unsqueeze(-1) / 4, lexical], dim=-1))
        distance = (blocks.unsqueeze(1) - blocks.unsqueeze(2)).clamp(-NEAR, NEAR) + NEAR + 1
        distance = torch.where((blocks == 0).unsqueeze(1), torch.zeros_like(distance), distance)
        hidden = torch.where(keys, 0.0, -1e4).unsqueeze(1)
        for layer in self.layers:
            x = layer(x, distance, hidden)
        correction: torch.Tensor = self.out(self.norm(x)).squeeze(-1)
        return correction

    def of_tokens(
        self, logits: torch.Tensor, lexical: torch.Tensor, positions: torch.Tensor, blocks: torch.Tensor
    ) -> torch.Tensor:
        """Return what to add to the logit of each token of a window, the same for a whole block.

        Inputs are ``[batch, length]``, ``lexical`` has its features too; see ``models.packed.pairs.Window``.
        """
        same = (blocks.unsqueeze(2) == blocks.unsqueeze(1)).to(logits.dtype)
        means = (same @ logits.unsqueeze(-1)).squeeze(-1) / same.sum(dim=2)
        correction: torch.Tensor = self(means, lexical, blocks, (positions == 0) & (blocks >= 0))
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

    def forward(self, x: torch.Tensor, distance: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        y = self.before_attention(x)
        batch, length, width = y.shape
        each = (batch, length, self.heads, width // self.heads)
        q, k, v = (part(y).view(each).transpose(1, 2) for part in (self.queries, self.keys, self.values))
        scores = q @ k.transpose(-1, -2) / each[-1] ** 0.5
        scores = scores + self.distance_embeddings(distance).permute(0, 3, 1, 2) + hidden.unsqueeze(1)
        mixed = (scores.softmax(dim=-1) @ v).transpose(1, 2).reshape(batch, length, width)
        x = x + self.mix(mixed)
        fed: torch.Tensor = x + self.down(functional.gelu(self.up(self.before_forward(x))))
        return fed
