"""What the published pruning code gets wrong, each with what is right here.

The defects are those of Open Provence's ``process()`` and ``get_raw_predictions()``, at 9635cbc. The right
values are worked out by hand from the log-odds that the tests give to words.
"""

from __future__ import annotations

import math
import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from pair_builders import XLMR_LAYOUT, hand_scorer, numbered, random_network, word_tokenizer
from semantic_highlight.models.pair_windows import WindowBuilder
from semantic_highlight.types import Span


def sigmoid(logit):
    return 1 / (1 + math.exp(-logit))


def test_a_title_does_not_shift_the_sentences_below_it():
    """There: with a title, spans move left by its tokens, and the wrong sentences are kept."""
    text = "# title the\nw1 w1 . w2 w2 ."
    spans = [Span(0, 12, "heading"), Span(12, 20), Span(20, len(text))]
    scorer, _ = hand_scorer({"w1": -4.0, "w2": 4.0, ".": 0.0})
    (scores,) = scorer.score("q1", [text], [spans])
    assert scores.sentences == pytest.approx([0.5, (2 * sigmoid(-4) + 0.5) / 3, (2 * sigmoid(4) + 0.5) / 3])


@pytest.mark.parametrize("tokens", range(40, 60))
def test_a_pair_that_fits_xlm_r_exactly_stays_within_its_positions(tokens):
    """There: of XLM-R's four special tokens three are counted, and an exact fit runs over the positions."""
    torch = pytest.importorskip("torch")
    from semantic_highlight.models.encoder import TorchEncoder

    network = random_network(positions=56)  # one token more raises an IndexError
    text, spans = numbered(tokens)
    scorer, engine = hand_scorer(layout=XLMR_LAYOUT, max_length=56)
    scorer.score("q1 q2", [text], [spans])
    longest = max(len(window.ids) for window in engine.seen)
    assert longest == min(tokens + 2 + 4, 56) if tokens <= 50 else longest <= 56
    assert len(TorchEncoder(network, pad=0).encode(engine.seen)) == len(engine.seen)
    with pytest.raises((IndexError, RuntimeError)):
        network(*[torch.ones(1, 57, dtype=torch.int64)] * 3)


def test_a_query_longer_than_a_window_is_cut_and_the_document_scored():
    """There: a query is never cut, and a long one ends in a crash."""
    text, spans = numbered(9, 9)
    scorer, engine = hand_scorer({"w3": 2.0})
    (scores,) = scorer.score("q1 " * 5000, [text], [spans])
    assert all(len(window.ids) <= 32 for window in engine.seen)
    assert scores.sentences == pytest.approx([(8 * 0.5 + sigmoid(2.0)) / 9, 0.5])


def test_a_sentence_in_pieces_counts_by_its_tokens_and_not_by_its_pieces():
    """There: a long sentence is scored by the mean of the means of its pieces, however short a piece is."""
    words = 61
    text, spans = numbered(words)
    values = {f"w{n}": 3.0 if n == words - 1 else -3.0 for n in range(words)}
    scorer, engine = hand_scorer(values, max_length=40)
    (scores,) = scorer.score("q1", [text], [spans])
    assert len(engine.seen) > 1
    assert scores.sentences == pytest.approx([((words - 1) * sigmoid(-3) + sigmoid(3)) / words])


def test_the_tail_of_an_over_long_sentence_is_scored():
    """There: what is longer than a window is cut off, and its tail never scored."""
    text, spans = numbered(150)
    scorer, _ = hand_scorer({"w149": 60.0})
    (scores,) = scorer.score("q1", [text], [spans])
    assert scores.sentences == pytest.approx([(149 * 0.5 + 1) / 150])


def test_the_last_token_of_a_sentence_is_its_own():
    """There: ``get_raw_predictions`` counts a special token too many, and its ranges are one to the right."""
    scorer, _ = hand_scorer({"w0": 5.0, "w1": -5.0})
    (scores,) = scorer.score("q1", ["w0 w0 w1 w1"], [[Span(0, 6), Span(6, 11)]])
    assert scores.sentences == pytest.approx([sigmoid(5.0), sigmoid(-5.0)])


def test_one_tokenizer_for_many_threads_gives_every_thread_its_own_lengths():
    """There: threads share a tokenizer whose length each call sets; of 3,200 calls 779 went wrong."""
    tokenizer = word_tokenizer()
    lengths = [random.Random(n).randint(8, 150) for n in range(400)]
    builders = {n: WindowBuilder(tokenizer, hand_scorer(max_length=n + 10)[0].traits) for n in set(lengths)}

    def windows(length):
        text, spans = numbered(length)
        builder = builders[length]
        query = builder.query_ids("q1")
        (document,) = builder.documents([text], [spans])
        return [len(window.ids) for window in builder.windows(query, document)]

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(windows, lengths)) == [[length + 4] for length in lengths]
