from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic_highlight.scoring import merge_windows, range_means, sentence_means


def test_mean_over_the_tokens_of_each_sentence():
    means = sentence_means([0.1, 0.3, 0.8], [(0, 2), (3, 5), (6, 9)], [(0, 6), (6, 9)])
    assert means == pytest.approx([0.2, 0.8])


def test_token_that_straddles_a_border_counts_where_it_begins():
    assert sentence_means([0.2, 1.0], [(0, 4), (4, 6)], [(0, 3), (3, 6)]) == pytest.approx([0.2, 1.0])


def test_sentence_without_tokens_scores_zero():
    assert sentence_means([0.4], [(0, 2)], [(0, 2), (2, 4), (4, 4)]).tolist() == [0.4, 0.0, 0.0]


def test_tokens_outside_every_sentence_count_nowhere():
    assert sentence_means([0.9, 0.5, 0.9], [(0, 1), (2, 3), (8, 9)], [(2, 4)]) == pytest.approx([0.5])


def test_no_tokens_and_no_sentences():
    assert sentence_means([], [], [(0, 2)]).tolist() == [0.0]
    assert sentence_means([0.5], [(0, 1)], []).tolist() == []


def test_rounding_never_leaves_the_range():
    ones = np.ones(1000, dtype=np.float32)
    tokens = [(i, i + 1) for i in range(1000)]
    means = sentence_means(ones * np.float32(0.1), tokens, [(i, i + 3) for i in range(0, 999, 3)])
    assert means == pytest.approx(0.1)
    assert sentence_means(ones, tokens, [(0, 1000)]).tolist() == [1.0]


@settings(max_examples=100)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.data())
def test_agrees_with_a_plain_loop(probabilities, data):
    tokens = [(2 * i, 2 * i + 2) for i in range(len(probabilities))]
    cuts = data.draw(st.lists(st.integers(0, 2 * len(tokens)), max_size=6).map(sorted))
    borders = [0, *cuts, 2 * len(tokens)]
    sentences = list(pairwise(borders))
    expected = []
    for start, end in sentences:
        inside = [p for p, (begin, _) in zip(probabilities, tokens, strict=True) if start <= begin < end]
        expected.append(sum(inside) / len(inside) if inside else 0.0)
    assert sentence_means(probabilities, tokens, sentences) == pytest.approx(expected, abs=1e-9)


def test_token_in_two_windows_gets_the_mean():
    windows = [((0, 2), [0.2, 0.4]), ((1, 3), np.array([0.6, 0.8], dtype=np.float32))]
    assert merge_windows(windows, 4) == pytest.approx([0.2, 0.5, 0.8, 0.0])


def test_document_without_tokens():
    assert merge_windows([], 0).tolist() == []


def test_means_of_ranges_keep_their_sign_and_are_zero_where_there_is_nothing():
    assert range_means([-2.0, 4.0, 5.0], [(0, 2), (1, 3), (2, 2)]).tolist() == [1.0, 4.5, 0.0]
    assert range_means([], []).tolist() == []
