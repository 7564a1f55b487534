from __future__ import annotations

import sys
import types

import numpy as np
import pytest

from contracts import ScorerContract
from semantic_highlight import Highlighter, Span
from semantic_highlight.errors import InputError, MissingExtraError
from semantic_highlight.evaluate.baselines import (
    EmbeddingScorer,
    KeepAllScorer,
    LeadScorer,
    RandomScorer,
    baseline,
)

THREE = [Span(0, 5), Span(5, 15), Span(15, 20)]
TEXT = "Aaaa bbbbbbbbb cccc."


class TestLead(ScorerContract):
    @pytest.fixture
    def scorer(self):
        return LeadScorer()

    def test_earlier_is_better(self, scorer):
        (found,) = scorer.score("?", [TEXT], [THREE])
        assert found.sentences == pytest.approx((1.0, 0.75, 0.25))


class TestRandom(ScorerContract):
    @pytest.fixture
    def scorer(self):
        return RandomScorer(3)

    def test_scores_are_uniform_and_of_the_seed(self, scorer):
        spans = [Span(i, i + 1) for i in range(5000)]
        drawn = [RandomScorer(seed).score("?", ["x" * 5000], [spans])[0].sentences for seed in (3, 4)]
        assert np.mean(drawn[0]) == pytest.approx(0.5, abs=0.02)
        assert np.quantile(drawn[0], [0.1, 0.9]) == pytest.approx([0.1, 0.9], abs=0.02)
        assert drawn[0] == scorer.score("?", ["x" * 5000], [spans])[0].sentences
        assert abs(np.corrcoef(drawn)[0, 1]) < 0.05


class TestKeepAll(ScorerContract):
    @pytest.fixture
    def scorer(self):
        return KeepAllScorer()

    def test_nothing_is_pruned(self, scorer):
        (pruned,) = Highlighter(scorer).prune("?", ["Some text. And more.\n\n- a list\n"])
        assert pruned.text == pruned.original


class Letters:
    """An encoder of texts by how often they have a, b and c: as much of sentence-transformers as is used."""

    def __init__(self, model):
        self.model = model

    def encode(self, texts, *, normalize_embeddings, show_progress_bar):
        assert normalize_embeddings
        assert not show_progress_bar
        vectors = np.array([[text.count(letter) for letter in "abc"] for text in texts], dtype=float)
        # Not all letters count for: the last stands against the others.
        vectors[:, 2] *= -1
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


@pytest.fixture
def library(monkeypatch):
    fake = types.ModuleType("sentence_transformers")
    fake.SentenceTransformer = Letters
    monkeypatch.setitem(sys.modules, "sentence_transformers", fake)


@pytest.mark.usefixtures("library")
class TestEmbedding(ScorerContract):
    @pytest.fixture
    def scorer(self):
        return EmbeddingScorer("letters")

    def test_the_score_is_the_cosine(self, scorer):
        text = "a ab c "
        (found,) = scorer.score("aa", [text], [[Span(0, 2), Span(2, 5), Span(5, 7)]])
        assert found.sentences == pytest.approx((1.0, 2**-0.5, 0.0))
        assert found.relevance == 1.0

    def test_an_opposite_is_0(self, scorer):
        (found,) = scorer.score("bc", ["c"], [[Span(0, 1)]])
        assert found.sentences == (pytest.approx(2**-0.5),)
        (found,) = scorer.score("ab", ["bcc"], [[Span(0, 3)]])
        assert found.sentences == (pytest.approx(1 / 10**0.5),)

    def test_it_is_named_after_its_model(self):
        assert baseline("embedding:some/model").name == "embedding:some/model"


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(MissingExtraError, match=r"semantic-highlight\[embeddings\]"):
        baseline("embedding:some/model")


def test_an_embedding_without_a_model_is_an_error():
    with pytest.raises(InputError, match="names no model"):
        baseline("embedding: ")


def test_names():
    assert baseline("lead").name == "lead"
    assert baseline("random", seed=7) == RandomScorer(7)
    assert baseline("none").name == "none"
    assert baseline("bundled") is None
