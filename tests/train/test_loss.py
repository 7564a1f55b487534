from __future__ import annotations

import math

import pytest
import torch

from semantic_highlight.train.loss import Targets, hard_targets, pruning_loss, ranking_loss, soft_targets

NAN = math.nan


def entropy(logit, target):
    p = 1 / (1 + math.exp(-logit))
    return -target * math.log(p) - (1 - target) * math.log(1 - p)


# Two sentences in one row: tokens 1.0 and -0.5 of the first, 2.0 of the second; then padding.
LOGITS = torch.tensor([[9.0, 1.0, -0.5, 2.0, 7.0]])
INDEX = torch.tensor([[-1, 0, 0, 1, -1]])


def test_by_hand():
    first = 0.5 * (entropy(1.0, 1) + entropy(-0.5, 1)) / 2 + 0.5 * entropy(0.25, 1)
    second = entropy(2.0, 0)
    expected = (math.sqrt(2) * first + second) / (math.sqrt(2) + 1)
    found = pruning_loss(LOGITS, INDEX, hard_targets(torch.tensor([1, 0])), sentence_weight=0.5)
    assert float(found) == pytest.approx(expected, rel=1e-6)


def test_an_ignored_sentence_counts_for_nothing():
    found = pruning_loss(LOGITS, INDEX, hard_targets(torch.tensor([-1, 0])), sentence_weight=0.0)
    assert float(found) == pytest.approx(entropy(2.0, 0), rel=1e-6)


def test_a_batch_of_ignored_sentences_has_no_loss():
    targets = hard_targets(torch.tensor([-1, -1]))
    assert float(pruning_loss(LOGITS, INDEX, targets, sentence_weight=0.5)) == 0.0


def test_soft_targets_mix_and_speak_for_what_has_no_label():
    found = soft_targets(torch.tensor([1, 0, -1]), torch.tensor([0.6, 0.2, 0.9]), weight=0.25)
    assert found.values.tolist() == pytest.approx([0.9, 0.05, 0.9])
    assert found.weights.tolist() == pytest.approx([1.0, 1.0, 0.25])


def test_soft_targets_of_no_weight_are_the_labels():
    labels = torch.tensor([1, 0, -1])
    some, others = soft_targets(labels, torch.rand(3), weight=0.0), hard_targets(labels)
    assert torch.equal(some.values, others.values)
    assert torch.equal(some.weights, others.weights)


def test_the_loss_is_least_at_its_targets():
    logits = LOGITS.clone().requires_grad_()
    values = torch.tensor([0.3, 0.8])
    optimizer = torch.optim.LBFGS([logits], max_iter=100)

    def loss():
        optimizer.zero_grad()
        value = pruning_loss(logits, INDEX, Targets(values, torch.ones(2)), sentence_weight=0.5)
        value.backward()
        return value

    optimizer.step(loss)
    assert logits.detach().sigmoid()[0, 1:4].tolist() == pytest.approx([0.3, 0.3, 0.8], abs=1e-3)


def test_ranking_leaves_out_what_no_teacher_scored():
    logits = torch.tensor([0.0, 100.0, 0.0])
    assert float(ranking_loss(logits, torch.tensor([0.8, NAN, 0.5]))) == pytest.approx(0.3**2 / 2)


def test_ranking_of_nothing_is_zero_and_has_a_gradient():
    logits = torch.zeros(2, requires_grad=True)
    loss = ranking_loss(logits, torch.tensor([NAN, NAN]))
    loss.backward()
    assert loss.item() == 0.0
    assert logits.grad.tolist() == [0.0, 0.0]
