"""The network of this package's own family: a BERT encoder and a pruning head that scores every token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from semantic_highlight.models.packed.document_layer import DocumentLayer
from semantic_highlight.models.packed.word_matches import LEXICAL_FEATURES

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class PruningHead(nn.Module):
    """One logit a token: a linear layer, how close its state is to the query's, how well its words match.

    ``logit = w·h + b + scale · cos(h, q) + (V q + v)·lexical``, where ``q`` is the mean state of the query
    tokens and ``lexical`` what BM25 says of the token's sentence. The cosine term hands over what a
    sentence encoder knows of questions and answers, the last term what it learns slowly, that rare words
    of a question stand in its answer; how much that counts depends on the question. With ``w = V = 0`` the
    model starts as a hybrid search instead of as noise. Without both terms it is the plain linear head of
    Provence and Open Provence.

    Args:
        hidden: Width of the encoder.
        interaction: Whether to add the cosine term.
        lexical: Whether to add the term of word matching.
    """

    def __init__(self, hidden: int, *, interaction: bool = True, lexical: bool = True) -> None:
        super().__init__()
        self.linear = nn.Linear(hidden, 1)
        nn.init.zeros_(self.linear.weight)
        nn.init.constant_(self.linear.bias, -4.0 if interaction else -2.0)
        self.scale = nn.Parameter(torch.tensor(8.0)) if interaction else None
        self.lexical = new_lexical_term(hidden) if lexical else None

    def forward(self, states: torch.Tensor, query_mask: torch.Tensor, lexical: torch.Tensor) -> torch.Tensor:
        """Return logits ``[batch, length]``.

        Args:
            states: ``[batch, length, hidden]``.
            query_mask: ``[batch, length]``, true on the query.
            lexical: ``[batch, length, features]``, of the block of each token.
        """
        logits: torch.Tensor = self.linear(states).squeeze(-1)
        mask = query_mask.unsqueeze(-1).to(states.dtype)
        query = (states * mask).sum(dim=1, keepdim=True) / mask.sum(dim=1, keepdim=True)
        if self.scale is not None:
            closeness = (functional.normalize(states, dim=-1) * functional.normalize(query, dim=-1)).sum(-1)
            logits = logits + self.scale * closeness
        if self.lexical is not None:
            logits = logits + (lexical * self.lexical(query)).sum(-1)
        return logits


def new_lexical_term(hidden: int) -> nn.Linear:
    """Return the layer that weighs word matching by the query: at first the same for every query."""
    term = nn.Linear(hidden, LEXICAL_FEATURES)
    nn.init.zeros_(term.weight)
    # Added to the logits of a model trained without the term, BM25 gained most on dev data with a weight of 4
    # (RUNS.md), here half for its score and half for the relative one. The others are left to training.
    term.bias.data = torch.tensor([2.0, 2.0] + [0.0] * (LEXICAL_FEATURES - 2))
    return term


class PruningModel(nn.Module):
    """Encoder and pruning head, with an optional ranking head on the first token.

    Attention is biased by what a token looks at (see :func:`attention_bias`), so that an encoder trained
    on single sentences starts here with all it knows of them.

    Args:
        encoder: A BERT-like encoder without a pooler.
        interaction: See :class:`PruningHead`.
        lexical: See :class:`PruningHead`.
        document: Whether to add a :class:`DocumentLayer`.
        ranking: Whether to add a ranking head (Provence trains both; off by default).
    """

    def __init__(
        self,
        encoder: PreTrainedModel,
        *,
        interaction: bool = True,
        lexical: bool = True,
        document: bool = True,
        ranking: bool = False,
    ) -> None:
        super().__init__()
        hidden = encoder.config.hidden_size
        self.encoder = encoder
        self.pruning_head = PruningHead(hidden, interaction=interaction, lexical=lexical)
        self.document = DocumentLayer() if document else None
        self.ranking_head = nn.Linear(hidden, 1) if ranking else None

    def forward(
        self,
        input_ids: torch.Tensor,
        token_type_ids: torch.Tensor,
        position_ids: torch.Tensor,
        block_ids: torch.Tensor,
        lexical: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return token logits ``[batch, length]`` and, with a ranking head, relevance logits ``[batch]``.

        All inputs are ``[batch, length]``, ``lexical`` is ``[batch, blocks, features]``; see
        ``packed.pairs.Window``. Padding has block -1.
        """
        kind = next(self.encoder.parameters()).dtype
        states = self.encoder(
            input_ids=input_ids,
            token_type_ids=token_type_ids,
            position_ids=position_ids,
            attention_mask=attention_bias(block_ids).to(kind).unsqueeze(1),
        ).last_hidden_state.float()
        numbers = torch.arange(lexical.shape[1], device=block_ids.device)
        tokens_of = (block_ids.unsqueeze(1) == numbers.view(1, -1, 1)).to(states.dtype)
        block_of = tokens_of.transpose(1, 2)
        logits = self.pruning_head(states, block_ids == 0, block_of @ lexical)
        if self.document is not None:
            sizes = tokens_of.sum(dim=2)
            means = (tokens_of @ logits.unsqueeze(-1)).squeeze(-1) / sizes.clamp(min=1)
            correction = self.document(means, lexical, sizes > 0)
            logits = logits + (block_of @ correction.unsqueeze(-1)).squeeze(-1)
        relevance = None if self.ranking_head is None else self.ranking_head(states[:, 0]).squeeze(-1)
        return logits, relevance


TO_QUERY, TO_NEIGHBOUR, TO_FARTHER, TO_NOTHING = -3.0, -4.0, -0.5, -1e4
"""Attention bias towards the query, the next block, each block farther on, and what is never seen.

At -3 and below the untrained encoder ranks sentences as well as when it reads them one by one (mean AP
.28 on five dev files), at 0 it loses a third of that (.21); training raises what pays. See RUNS.md.
"""


def attention_bias(blocks: torch.Tensor) -> torch.Tensor:
    """Return what is added to attention logits, ``[batch, length, length]``.

    A token sees its own block whole, the query and other blocks less, the nearer the more; the query sees
    itself only; nothing sees padding (block -1).

    Args:
        blocks: ``[batch, length]``, 0 for the query, 1, 2, ... for the blocks of the context.
    """
    looks, seen = blocks.unsqueeze(2), blocks.unsqueeze(1)
    distance = (looks - seen).abs().float()
    bias = TO_NEIGHBOUR + TO_FARTHER * (distance - 1)
    bias = torch.where(seen == 0, TO_QUERY, bias)
    bias = torch.where((seen < 0) | (looks == 0), TO_NOTHING, bias)
    return torch.where(looks == seen, 0.0, bias)
