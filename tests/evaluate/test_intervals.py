from __future__ import annotations

import time

import numpy as np
import pytest

from semantic_highlight.errors import InputError
from semantic_highlight.evaluate.intervals import estimates, p_value, resampled


def mean_of(values):
    return lambda weights: (weights @ values / weights.sum(axis=1))[:, None]


def test_the_first_row_is_the_documents_as_they_are():
    values = np.arange(10.0)
    found = resampled(mean_of(values), 10, resamples=50, seed=1)
    assert found.shape == (51, 1)
    assert found[0, 0] == 4.5
    assert len(set(found[1:, 0])) > 10


def test_every_resample_draws_as_many_documents():
    found = resampled(lambda weights: weights, 7, resamples=100, seed=0)
    assert (found.sum(axis=1) == 7).all()
    assert (found == found.round()).all()
    assert found[1:].mean(axis=0) == pytest.approx(np.ones(7), abs=0.35)


def test_the_same_seed_draws_the_same():
    a, b = (resampled(lambda w: w, 30, resamples=20, seed=5) for _ in range(2))
    assert (a == b).all()
    assert (a != resampled(lambda w: w, 30, resamples=20, seed=6)).any()


@pytest.mark.parametrize("width", [1, 90_000])
def test_resamples_come_in_blocks_of_any_size(width):
    assert resampled(lambda w: w, 30, resamples=17, seed=5, width=width).shape == (18, 30)


def test_intervals_are_those_of_the_formula():
    # The interval of a mean is 1.96 standard errors wide on either side.
    values = np.random.default_rng(0).normal(size=2000)
    (found,) = estimates(resampled(mean_of(values), 2000, resamples=2000, seed=0))
    error = values.std() / np.sqrt(2000)
    assert found.value == pytest.approx(values.mean())
    assert (found.low - values.mean()) / error == pytest.approx(-1.96, abs=0.12)
    assert (found.high - values.mean()) / error == pytest.approx(1.96, abs=0.12)


def test_intervals_hold_the_truth_as_often_as_they_say():
    rng, hit = np.random.default_rng(3), 0
    for seed in range(300):
        values = rng.random(100)
        (found,) = estimates(resampled(mean_of(values), 100, resamples=300, seed=seed))
        hit += found.low <= 0.5 <= found.high
    # 95 % of 300 is 285, with a standard error of 3.8; the percentile interval is a little narrow.
    assert 268 <= hit <= 297


def test_resamples_with_nothing_to_measure_are_left_out():
    (found,) = estimates(np.array([[0.5], [np.nan], [0.4], [0.6]]))
    assert 0.4 <= found.low <= found.value <= found.high <= 0.6
    (nothing,) = estimates(np.full((5, 1), np.nan))
    assert np.isnan([nothing.value, nothing.low, nothing.high]).all()


def test_p_value_by_hand():
    # 1 of 9 resamples at or below 0: 2 x (1 + 1) / (9 + 1).
    assert p_value(np.array([-1.0, 1, 1, 1, 1, 1, 1, 1, 1])) == pytest.approx(0.4)
    assert p_value(np.zeros(99)) == 1.0
    assert p_value(np.ones(999)) == pytest.approx(0.002)
    assert np.isnan(p_value(np.full(3, np.nan)))


def test_p_values_of_equal_models_are_rarely_small():
    rng, small = np.random.default_rng(1), 0
    for seed in range(200):
        difference = rng.normal(size=60)
        small += p_value(resampled(mean_of(difference), 60, resamples=200, seed=seed)[1:, 0]) < 0.05
    assert 1 <= small <= 24  # 10 expected


def test_nothing_cannot_be_resampled():
    with pytest.raises(InputError, match="0 documents and 10 resamples"):
        resampled(lambda w: w, 0, resamples=10, seed=0)
    with pytest.raises(InputError, match="5 documents and 0 resamples"):
        resampled(lambda w: w, 5, resamples=0, seed=0)


def test_thousands_of_documents_take_seconds():
    from semantic_highlight.evaluate.ranking import Ranking

    rng, size = np.random.default_rng(0), 40_000
    ranking = Ranking.of(rng.random(size) < 0.1, rng.random(size), np.ones(size), rng.integers(0, 4000, size))
    start = time.process_time()
    resampled(lambda w: ranking.average_precision(w)[:, None], 4000, resamples=1000, seed=0, width=size)
    assert time.process_time() - start < 10
