import pytest

from builders import split_on_stops
from contracts import AnsweringScorerContract
from semantic_highlight.testing import KeywordScorer


class TestKeywordScorer(AnsweringScorerContract):
    @pytest.fixture
    def scorer(self):
        return KeywordScorer()


class TestKeywordScorerWithKeywords(AnsweringScorerContract):
    @pytest.fixture
    def scorer(self):
        return KeywordScorer(["battery", "电池"])


def scores(scorer, query, text):
    return scorer.score(query, [text], [split_on_stops(text)])[0]


def test_score_is_the_share_of_the_keywords_found():
    scored = scores(KeywordScorer(["Cat", "dog", "cat"]), "anything", "A CAT sat. Cats and dogs. A bird.")
    assert scored.sentences == (0.5, 1.0, 0.0)
    assert scored.relevance == 1.0


def test_keywords_are_the_querys_words_by_default():
    assert scores(KeywordScorer(), "Cat, dog?", "The cat. No. Cat dog.").sentences == (0.5, 0.0, 1.0)


def test_chinese_keywords_are_pairs_of_characters():
    assert scores(KeywordScorer(), "换电池", "电池好。换了。换电池。").sentences == (0.5, 0.0, 1.0)
    assert scores(KeywordScorer(), "猫", "猫。狗。").sentences == (1.0, 0.0)


def test_no_keywords_no_score():
    assert scores(KeywordScorer(), "?!", "A. B.").sentences == (0.0, 0.0)


def test_repr_shows_how_to_make_it_again():
    assert repr(KeywordScorer()) == "KeywordScorer()"
    assert repr(KeywordScorer(["A", "b"])) == "KeywordScorer(['a', 'b'])"
