"""The pruning objective: every context token predicts whether its sentence answers."""

from __future__ import annotations

import torch
from torch.nn import functional


def pruning_loss(
    logits: torch.Tensor, sentence_index: torch.Tensor, labels: torch.Tensor, *, sentence_weight: float
) -> torch.Tensor:
    """Return the mean binary cross-entropy over sentences.

    Two views of one target, mixed by ``sentence_weight``: the mean over a sentence's tokens of the token
    losses (Provence, Open Provence: cross-entropy on tokens), and the loss of the sentence's mean logit,
    which is closer to what is thresholded. A sentence counts by the square root of its length, so that
    neither long sentences nor short table rows rule the gradient.

    Args:
        logits: ``[batch, length]``.
        sentence_index: ``[batch, length]``, the sentence of each token across the batch, -1 for none.
        labels: ``[sentences]``: 1, 0, or -1 for a sentence that counts for nothing.
        sentence_weight: 0.0 (tokens only) to 1.0 (sentences only).
    """
    on_context = sentence_index >= 0
    owner, token_logits = sentence_index[on_context], logits[on_context].float()
    sizes = torch.zeros(len(labels), device=logits.device).index_add_(0, owner, torch.ones_like(token_logits))
    targets = labels.clamp(min=0).float()
    weights = (labels >= 0).float() * sizes.sqrt()
    token_losses = functional.binary_cross_entropy_with_logits(token_logits, targets[owner], reduction="none")
    sizes = sizes.clamp(min=1)
    by_token = torch.zeros_like(sizes).index_add_(0, owner, token_losses) / sizes
    means = torch.zeros_like(sizes).index_add_(0, owner, token_logits) / sizes
    by_sentence = functional.binary_cross_entropy_with_logits(means, targets, reduction="none")
    mixed = (1 - sentence_weight) * by_token + sentence_weight * by_sentence
    return (mixed * weights).sum() / weights.sum().clamp(min=1e-6)
