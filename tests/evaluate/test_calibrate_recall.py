"""The fitted threshold: exact figures worked out by hand and by scipy, and the promise kept in simulation."""

from __future__ import annotations

import functools
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import binom, hypergeom

from builders import split_on_stops
from semantic_highlight.errors import InputError
from semantic_highlight.evaluate import calibrate as module
from semantic_highlight.evaluate.calibrate import (
    allowed_losses,
    calibrate,
    certified_threshold,
    draw,
    gold_scores,
    p_value,
    queries_needed,
)
from semantic_highlight.records import parse_record
from semantic_highlight.testing import KeywordScorer
from semantic_highlight.types import DocumentScores


def record(query, context, *answers):
    spans = [[context.index(answer), context.index(answer) + len(answer)] for answer in answers]
    return parse_record({"query": query, "context": context, "answer_spans": spans})


class TestBound:
    def test_agrees_with_counting_every_order(self):
        # 4 labelled, batches of 2 to 4 that may lose a quarter: of two and three none, of four one.
        def broken(losses, batch, may_lose):
            orders = list(combinations(range(4 + batch), 4))  # where the labelled ones stand in the order
            first = range(losses + may_lose + 1)
            return sum(len(set(order) & set(first)) <= losses for order in orders) / len(orders)

        for losses in range(3):
            worst = max(
                broken(losses, 2, 0), broken(losses, 3, 0), broken(losses, 4, 1), binom.cdf(losses, 4, 0.25)
            )
            assert p_value(losses, 4, 0.25) == pytest.approx(worst, abs=1e-12)

    @pytest.mark.parametrize(("queries", "share"), [(84, 0.05), (100, 0.1), (301, 0.03)])
    def test_agrees_with_scipy(self, queries, share):
        for losses in (0, 1, 5, 20):
            batches = [
                hypergeom.cdf(losses, queries + m, queries, losses + int(m * share + 1e-9) + 1)
                for m in range((queries + 2) // 3, queries + 1)
            ]
            worst = max(*batches, binom.cdf(losses, queries, share))
            assert p_value(losses, queries, share) == pytest.approx(worst, rel=1e-8)

    def test_the_number_needed_is_the_first_that_allows_anything(self):
        assert queries_needed(recall=0.95, confidence=0.9) == 84
        assert queries_needed(recall=0.9, confidence=0.9) == 40
        for recall, confidence in [(0.95, 0.9), (0.8, 0.95), (0.5, 0.5)]:
            needed = queries_needed(recall=recall, confidence=confidence)
            allowed = [allowed_losses(n, recall=recall, confidence=confidence) for n in range(1, needed + 50)]
            assert [n >= needed for n in range(1, needed + 50)] == [losses >= 0 for losses in allowed]

    @pytest.mark.parametrize("wrong", [0, 1, -0.1, 1.5, float("nan")])
    def test_a_promise_out_of_range_is_refused(self, wrong):
        with pytest.raises(InputError, match="recall is"):
            allowed_losses(100, recall=wrong, confidence=0.9)
        with pytest.raises(InputError, match="confidence is"):
            queries_needed(recall=0.9, confidence=wrong)


class TestThreshold:
    def test_lies_just_under_the_first_score_that_may_not_be_lost(self):
        scores = [0.3, 0.2, 0.1] + [0.9] * 147
        assert allowed_losses(150, recall=0.95, confidence=0.9) == 1
        assert certified_threshold(scores, recall=0.95, confidence=0.9) == 0.199999
        assert certified_threshold([0.2000004, *scores[2:], 0.9], recall=0.95, confidence=0.9) == 0.2

    def test_too_few_queries_say_how_many_are_needed(self):
        with pytest.raises(InputError, match=r"83 queries .* 0\.95 with a confidence of 0\.9: 84 are needed"):
            certified_threshold([0.5] * 83, recall=0.95, confidence=0.9)
        assert certified_threshold([0.5] * 84, recall=0.95, confidence=0.9) == 0.499999

    def test_a_model_that_scores_gold_zero_is_refused(self):
        with pytest.raises(InputError, match="2 of 150 drawn gold sentences score 0 and 1 may be lost"):
            certified_threshold([0.0, 0.0] + [0.9] * 148, recall=0.95, confidence=0.9)
        assert certified_threshold([0.0] + [0.9] * 149, recall=0.95, confidence=0.9) == 0.899999
        assert certified_threshold([1e-12] * 150, recall=0.95, confidence=0.9) == 0.0


class NoisyScorer:
    """Scores a sentence by the number it holds."""

    name = "numbers"
    default_threshold = 0.5

    def score(self, query, texts, spans):
        return [
            DocumentScores(tuple(float(f"0.{span.of(text).split()[0]}") for span in some), 0.0)
            for text, some in zip(texts, spans, strict=True)
        ]


class TestRecords:
    def test_only_answers_count_and_a_query_counts_once(self):
        scorer = KeywordScorer(["red", "door"])
        records = [record(f"q{n}", "A red door. A blue sky.", "red") for n in range(40)]
        again = record("q0", "A red wall. A door. Sky.", "red", "door")
        none = record("q1", "Nothing.")
        fitted = calibrate(
            scorer, [*records, again, none], splitter=split_on_stops, recall=0.9, confidence=0.9
        )
        assert (fitted.model, fitted.queries, fitted.sentences) == ("keywords", 40, 42)
        expected = 0.999999 if draw("q0", [1.0, 0.5, 0.5]) == 1.0 else 0.499999
        assert fitted.threshold == expected
        assert (fitted.recall, fitted.confidence) == (0.9, 0.9)

    def test_gold_scores_are_those_of_the_sentences_that_answer(self):
        one = record("q", "11 a. 22 b. 33 c.", "11 a", "33 c")
        assert gold_scores(NoisyScorer(), one, splitter=split_on_stops) == [0.11, 0.33]
        assert gold_scores(NoisyScorer(), record("q", "11 a."), splitter=split_on_stops) == []

    def test_a_sentence_is_drawn_evenly_and_always_the_same(self):
        drawn = [draw(f"query {n}", [0.0, 1.0, 2.0]) for n in range(3000)]
        assert drawn == [draw(f"query {n}", [0.0, 1.0, 2.0]) for n in range(3000)]
        # 3 standard deviations of a share of 1/3 among 3000 are .026.
        assert [abs(drawn.count(value) / 3000 - 1 / 3) < 0.026 for value in (0.0, 1.0, 2.0)] == [True] * 3


class TestPromise:
    """Over many draws of labelled and new queries, the share of batches that keep what was promised."""

    @pytest.fixture(autouse=True)
    def counted_once(self, monkeypatch):
        monkeypatch.setattr(module, "allowed_losses", functools.cache(allowed_losses))

    @pytest.mark.parametrize("most", [1, 8], ids=["one gold sentence", "up to eight"])
    @pytest.mark.parametrize("labelled", [100, 300])
    def test_is_kept_at_the_stated_confidence(self, most, labelled):
        rng = np.random.default_rng(7)
        third, same, expected = [], [], []
        for _ in range(2000):
            scores, counts = queries(rng, labelled, most)
            drawn = scores[np.arange(labelled), rng.integers(0, counts)]
            threshold = certified_threshold(drawn.tolist(), recall=0.9, confidence=0.9)
            recalls = recall_of_each(*queries(rng, labelled, most), threshold)
            third.append(recalls[: labelled // 3].mean() >= 0.9 - 1e-12)
            same.append(recalls.mean() >= 0.9 - 1e-12)
            expected.append(1 - threshold >= 0.9)  # scores are uniform
        # 3 standard deviations of a share of .9 among 2000 are .02.
        assert min(np.mean(third), np.mean(same), np.mean(expected)) > 0.9 - 0.02

    def test_is_no_larger_than_it_has_to_be(self):
        # With one loss more than is allowed, batches of 39, of which 3 may be lost, break it too often.
        rng = np.random.default_rng(8)
        labelled, new = rng.random((4000, 100)), rng.random((4000, 39))
        allowed = allowed_losses(100, recall=0.9, confidence=0.9)
        thresholds = np.sort(labelled)[:, [allowed, allowed + 1]]
        broken = ((new[:, :, None] < thresholds[:, None]).sum(axis=1) > 3).mean(axis=0)
        assert broken[0] < 0.1 < broken[1]


def queries(rng, number, most):
    """Uniform scores of the gold sentences of queries, and how many each has; half share a difficulty."""
    alike = rng.integers(0, 2, (number, 1))
    scores = (rng.random((number, 1)) + alike * rng.random((number, most))) % 1
    return scores, rng.integers(1, most + 1, number)


def recall_of_each(scores, counts, threshold):
    gold = np.arange(scores.shape[1]) < counts[:, None]
    return ((scores > threshold) & gold).sum(axis=1) / counts
