"""The pruning objective: every context token predicts whether its sentence answers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Targets:
    """What every sentence should score, in [0, 1], and how much it counts, both ``[sentences]``."""

    values: torch.Tensor
    weights: torch.Tensor


def hard_targets(labels: torch.Tensor) -> Targets:
    """Return the targets of labels: 1, 0, or -1 for a sentence that counts for nothing."""
    return Targets(labels.clamp(min=0).float(), (labels >= 0).float())


def soft_targets(labels: torch.Tensor, soft: torch.Tensor, *, weight: float) -> Targets:
    """Mix labels with teachers' scores (Hinton et al. 2015, without a temperature: scores are probabilities).

    A sentence without a label is left to the teachers and counts by their weight.

    Args:
        labels: See :func:`hard_targets`.
        soft: ``[sentences]``, in [0, 1].
        weight: Of the teachers' scores, 0.0 (labels only) to 1.0 (teachers only).
    """
    hard = hard_targets(labels)
    by_label = (1 - weight) * hard.weights
    weights = by_label + weight
    return Targets((by_label * hard.values + weight * soft) / weights.clamp(min=1e-6), weights)


def ranking_loss(relevance_logits: torch.Tensor, relevance: torch.Tensor) -> torch.Tensor:
    """Return the mean squared error of the relevance, over those that a teacher scored (Provence, section 3).

    Args:
        relevance_logits: ``[batch]``.
        relevance: ``[batch]``, in [0, 1], NaN where no teacher was asked; all NaN gives 0.
    """
    known = ~relevance.isnan()
    errors = (relevance_logits.float().sigmoid() - relevance.nan_to_num()) ** 2 * known
    return errors.sum() / known.sum().clamp(min=1)


def pruning_loss(
    logits: torch.Tensor, sentence_index: torch.Tensor, targets: Targets, *, sentence_weight: float
) -> torch.Tensor:
    """Return the mean binary cross-entropy over sentences.

    Two views of one target, mixed by ``sentence_weight``: the mean over a sentence's tokens of the token
    losses (Provence, Open Provence: cross-entropy on tokens), and the loss of the sentence's mean logit,
    which is closer to what is thresholded. A sentence counts by the square root of its length, so that
    neither long sentences nor short table rows rule the gradient.

    Args:
        logits: ``[batch, length]``.
        sentence_index: ``[batch, length]``, the sentence of each token across the batch, -1 for none.
        targets: Of the sentences.
        sentence_weight: 0.0 (tokens only) to 1.0 (sentences only).
    """
    on_context = sentence_index >= 0
    owner, token_logits = sentence_index[on_context], logits[on_context].float()
    values = targets.values
    sizes = torch.zeros(len(values), device=logits.device).index_add_(0, owner, torch.ones_like(token_logits))
    weights = targets.weights * sizes.sqrt()
    token_losses = functional.binary_cross_entropy_with_logits(token_logits, values[owner], reduction="none")
    sizes = sizes.clamp(min=1)
    by_token = torch.zeros_like(sizes).index_add_(0, owner, token_losses) / sizes
    means = torch.zeros_like(sizes).index_add_(0, owner, token_logits) / sizes
    by_sentence = functional.binary_cross_entropy_with_logits(means, values, reduction="none")
    mixed = (1 - sentence_weight) * by_token + sentence_weight * by_sentence
    return (mixed * weights).sum() / weights.sum().clamp(min=1e-6)
