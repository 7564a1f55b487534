"""Ranking figures of weighted documents against scikit-learn with the same weights."""

from __future__ import annotations

import numpy as np
import pytest

from semantic_highlight.evaluate.ranking import Ranking

reference = pytest.importorskip("sklearn.metrics")
SEEDS = range(40)


def random_set(seed):
    """Documents with tied scores, and weights of which some are 0."""
    rng = np.random.default_rng(seed)
    size, documents = int(rng.integers(1, 200)), int(rng.integers(1, 20))
    labels = (rng.random(size) < 0.3).astype(int)
    scores = rng.integers(0, int(rng.integers(1, 50)), size) / 50
    owners = rng.integers(0, documents, size)
    weights = rng.integers(0, 4, (5, documents)).astype(float)
    return labels, scores, rng.integers(1, 40, size), owners, weights


@pytest.mark.parametrize("seed", SEEDS)
def test_average_precision_is_that_of_scikit_learn(seed):
    labels, scores, tokens, owners, weights = random_set(seed)
    found = Ranking.of(labels, scores, tokens, owners).average_precision(weights)
    for row, value in zip(weights, found, strict=True):
        if not (labels * row[owners]).any():
            assert np.isnan(value)
            continue
        expected = reference.average_precision_score(labels, scores, sample_weight=row[owners])
        assert value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 1.0])
def test_f1_is_that_of_scikit_learn(seed, threshold):
    labels, scores, tokens, owners, weights = random_set(seed)
    found = Ranking.of(labels, scores, tokens, owners).f1_from(weights, threshold)
    for row, value in zip(weights, found, strict=True):
        if not (labels * row[owners]).any():
            assert np.isnan(value)
            continue
        kept = scores >= threshold
        expected = reference.f1_score(labels, kept, sample_weight=row[owners], zero_division=0.0)
        assert value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_weight_is_so_many_copies(seed):
    labels, scores, tokens, owners, weights = random_set(seed)
    found = Ranking.of(labels, scores, tokens, owners).recall_at_removed(weights, [0.0, 0.35, 0.9, 1.0])
    for row, values in zip(weights, found, strict=True):
        copies = np.repeat(np.arange(len(labels)), row[owners].astype(int))
        if not labels[copies].any():
            assert np.isnan(values).all()
            continue
        ranking = Ranking.of(labels[copies], scores[copies], tokens[copies], np.zeros(len(copies)))
        expected = ranking.recall_at_removed(np.ones((1, 1)), [0.0, 0.35, 0.9, 1.0])[0]
        assert values == pytest.approx(expected, abs=1e-12)


def test_recall_by_hand():
    # Best first 10, 20 and 20, 50 tokens; the middle two are tied, and one of them answers.
    ranking = Ranking.of([1, 0, 1, 0], [0.9, 0.5, 0.5, 0.1], [10, 20, 20, 50], [0, 0, 1, 1])
    shares = [0.0, 0.5, 0.7, 0.9, 1.0]
    assert ranking.recall_at_removed(np.ones((1, 2)), shares)[0] == pytest.approx([1, 1, 0.75, 0.5, 0])
    # The second document twice: 170 tokens, of which 85 stay: all three positives.
    assert ranking.recall_at_removed(np.array([[1.0, 2.0]]), [0.5])[0] == pytest.approx([1])


def test_the_order_of_equal_scores_changes_nothing():
    labels, tokens = np.array([1, 1, 0, 0]), np.array([5, 5, 5, 5])
    for order in ([0, 1, 2, 3], [2, 3, 0, 1], [3, 0, 2, 1]):
        ranking = Ranking.of(labels[order], [0.5] * 4, tokens, [0] * 4)
        assert ranking.recall_at_removed(np.ones((1, 1)), [0.7])[0] == pytest.approx([0.3])
        assert ranking.average_precision(np.ones((1, 1))) == pytest.approx([0.5])
