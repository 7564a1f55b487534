import math

import pytest

from contracts import AnsweringScorerContract
from semantic_highlight.lexical import LexicalScorer
from semantic_highlight.types import Span


class TestLexicalScorer(AnsweringScorerContract):
    @pytest.fixture
    def scorer(self):
        return LexicalScorer()


def scores_of(query, *sentences):
    text, spans = "", []
    for sentence in sentences:
        spans.append(Span(len(text), len(text) + len(sentence)))
        text += sentence
    return LexicalScorer().score(query, [text], [spans])[0]


def test_score_is_bm25_over_its_greatest_value():
    scored = scores_of("cat dog", "a cat sat. ", "a bird sang. ")
    # Worked by hand: two sentences of three terms, so the length norm is k1. "cat" stands once in one of
    # two sentences, and "dog", which is in none, counts as if it did: each weighs ln(1 + 1.5 / 1.5). A term
    # that is there once reaches 1 * 2.2 / (1 + 1.2) = 1 of 2.2.
    assert scored.sentences == pytest.approx((math.log(2) / (2 * math.log(2) * 2.2), 0.0))
    assert scored.relevance == scored.sentences[0]


def test_score_is_not_lower_because_the_document_is_short():
    filler = [f"filler number {n}. " for n in range(20)]
    short = scores_of("cat dog", "a cat sat. ", "a bird sang. ").sentences[0]
    long = scores_of("cat dog", "a cat sat. ", "a bird sang. ", *filler).sentences[0]
    assert short == pytest.approx(long, rel=0.1)


def test_rare_term_weighs_more_than_one_in_every_sentence():
    common, rare, _ = scores_of("the zebra", "the cow. ", "a zebra. ", "the end. ").sentences
    assert rare > common > 0.0


def test_longer_sentence_is_discounted():
    short, long = scores_of("cat", "a cat. ", "a cat sat on a mat in a hat. ").sentences
    assert short > long > 0.0


@pytest.mark.parametrize(
    ("asked", "written"),
    [
        ("batteries", "Battery"),
        ("lasting", "lasted"),
        ("making", "make"),
        ("run", "running"),
        ("quickly", "quick"),
        ("GPU", "ｇｐｕ"),
        ("GPT模型", "gpt 模型"),
        ("手", "手机"),
    ],
)
def test_forms_of_a_word_match(asked, written):
    match, other = scores_of(asked, f"{written}. ", "nothing at all. ").sentences
    assert match > 0.0 == other


@pytest.mark.parametrize(("asked", "written"), [("cat", "category"), ("bus", "bu"), ("art", "party")])
def test_other_words_do_not_match(asked, written):
    assert scores_of(asked, f"{written}. ", "x. ").relevance == 0.0


def test_chinese_pair_beats_the_same_characters_apart():
    together, apart = scores_of("电池", "换电池了吗。", "池里没有电。").sentences
    assert together > apart > 0.0


def test_query_of_punctuation_scores_nothing():
    assert scores_of("？!…", "Yes?! ", "No… ").sentences == (0.0, 0.0)


def test_sentences_without_words_score_nothing():
    assert scores_of("cat", "… ", "—").sentences == (0.0, 0.0)
