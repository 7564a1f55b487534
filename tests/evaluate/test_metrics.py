from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic_highlight.evaluate.metrics import (
    average_precision,
    best_f1,
    expected_calibration_error,
    f1_at,
    recall_at_removed,
)

reference = pytest.importorskip("sklearn.metrics")

# Few distinct scores, so that many are tied.
pools = st.integers(0, 10**6).map(lambda seed: random_pool(np.random.default_rng(seed)))


def random_pool(rng):
    size = int(rng.integers(1, 60))
    labels = (rng.random(size) < rng.random()).astype(int)
    scores = rng.integers(0, int(rng.integers(1, 40)), size) / 40
    return labels, scores


@settings(max_examples=100, deadline=None)
@given(pools)
def test_average_precision_is_that_of_scikit_learn(pool):
    labels, scores = pool
    expected = reference.average_precision_score(labels, scores) if labels.any() else 0.0
    assert average_precision(labels, scores) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(pools)
def test_best_f1_is_the_best_of_all_thresholds(pool):
    labels, scores = pool
    found, threshold = best_f1(labels, scores)
    if not labels.any():
        assert (found, threshold) == (0.0, 1.0)
        return
    precision, recall, _ = reference.precision_recall_curve(labels, scores)
    every = 2 * precision * recall / np.maximum(precision + recall, 1e-300)
    assert found == pytest.approx(every.max(), abs=1e-12)
    assert reference.f1_score(labels, scores >= threshold) == pytest.approx(found, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(pools, st.sampled_from([0.0, 0.25, 0.5, 0.9]))
def test_f1_keeps_what_is_above_the_threshold(pool, threshold):
    labels, scores = pool
    expected = reference.f1_score(labels, scores > threshold, zero_division=0.0)
    assert f1_at(labels, scores, threshold) == pytest.approx(expected, abs=1e-12)


def test_by_hand():
    # Best first: hit, miss, hit: precision 1 at recall 1/2, 2/3 at recall 1.
    assert average_precision([1, 0, 1], [0.9, 0.8, 0.7]) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert best_f1([1, 0, 1], [0.9, 0.8, 0.7]) == pytest.approx((0.8, 0.7))
    assert f1_at([1, 0, 1], [0.9, 0.8, 0.7], 0.7) == pytest.approx(0.5)


def test_an_empty_pool_scores_nothing():
    assert average_precision([], []) == 0.0
    assert best_f1([], []) == (0.0, 1.0)
    assert f1_at([], [], 0.5) == 0.0


def test_recall_when_tokens_are_removed():
    labels, scores, tokens = [1, 0, 1, 0], [0.9, 0.8, 0.3, 0.1], [10, 20, 20, 50]
    # 30 of 100 tokens stay: the two best sentences, of which one is positive.
    assert recall_at_removed(labels, scores, tokens, 0.7) == pytest.approx(0.5)
    assert recall_at_removed(labels, scores, tokens, 0.5) == pytest.approx(1.0)
    # 5 tokens stay, half of the best sentence.
    assert recall_at_removed(labels, scores, tokens, 0.95) == pytest.approx(0.25)
    assert recall_at_removed([0, 0, 0, 0], scores, tokens, 0.5) == 0.0


@settings(max_examples=100, deadline=None)
@given(pools, st.floats(0, 1))
def test_recall_is_linear_between_thresholds(pool, share):
    labels, scores = pool
    tokens = np.random.default_rng(len(labels)).integers(1, 50, len(labels))
    thresholds = np.unique(scores)[::-1]
    kept = [0, *(tokens[scores >= threshold].sum() for threshold in thresholds)]
    found = [0, *(labels[scores >= threshold].sum() for threshold in thresholds)]
    expected = np.interp((1 - share) * tokens.sum(), kept, found) / max(1, labels.sum())
    assert recall_at_removed(labels, scores, tokens, share) == pytest.approx(expected, abs=1e-9)


def test_calibration_error_by_hand():
    # Bins of 1/15: scores .0 and .01 share one, whose gap is 1 - .01; .9 is alone, gap .9 - 0.
    assert expected_calibration_error([1, 0, 0], [0.01, 0.0, 0.9]) == pytest.approx((0.99 + 0.9) / 3)
    assert expected_calibration_error([1], [1.0]) == 0.0
    assert np.isnan(expected_calibration_error([], []))
