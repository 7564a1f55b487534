from __future__ import annotations

import numpy as np
import pytest

from semantic_highlight.evaluate.counts import f_beta, gold_whole, precision, ratio, recall, tokens_removed

reference = pytest.importorskip("sklearn.metrics")


@pytest.mark.parametrize("seed", range(100))
def test_the_figures_are_those_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 300))
    labels, kept = rng.random(size) < rng.random(), rng.random(size) < rng.random()
    hits, taken, gold = (labels & kept).sum(), kept.sum(), labels.sum()
    if taken:
        expected = reference.precision_score(labels, kept, zero_division=0.0)
        assert precision(hits, taken) == pytest.approx(expected, abs=1e-12)
    if gold:
        assert recall(hits, gold) == pytest.approx(reference.recall_score(labels, kept), abs=1e-12)
        for beta in (0.5, 1.0, 2.0):
            expected = reference.fbeta_score(labels, kept, beta=beta, zero_division=0.0)
            assert f_beta(hits, taken, gold, beta=beta) == pytest.approx(expected, abs=1e-12)


def test_nothing_to_measure_is_not_zero():
    assert np.isnan(precision(0, 0))
    assert np.isnan(recall(0, 0))
    assert np.isnan(f_beta(0, 3, 0, beta=1.0))
    assert f_beta(0, 0, 3, beta=1.0) == 0.0
    assert np.isnan(tokens_removed(0, 0))


def test_arrays_go_through_element_by_element():
    assert ratio([1, 2, 3], [2, 0, 4]) == pytest.approx([0.5, np.nan, 0.75], nan_ok=True)


def test_by_hand():
    assert tokens_removed(200, 50) == pytest.approx(0.75)
    assert gold_whole(3, 4) == pytest.approx(0.75)
    # Precision 1/2, recall 1/4: F2 = 5 x 1/8 / (4 x 1/2 + 1/4).
    assert f_beta(1, 2, 4, beta=2.0) == pytest.approx(5 / 8 / 2.25)
