from math import log

import numpy as np
import pytest

from semantic_highlight.lexical import LexicalScorer
from semantic_highlight.models.packed.word_matches import lexical_features
from semantic_highlight.splitting import split
from semantic_highlight.types import Span


def test_features_carry_a_match_to_the_sentences_around_and_under_it():
    text = "# Battery\n\nIt lasts ten hours. Charge it overnight.\n\n# Door\n\nThe battery is behind it.\n"
    spans = split(text)
    kinds = [span.kind for span in spans]
    assert kinds == ["heading", "prose", "prose", "heading", "prose"]
    scores = LexicalScorer().score("battery", [text], [spans])[0].sentences
    assert scores[0] > scores[4] > scores[1] == scores[2] == scores[3] == 0
    last = scores[4] / scores[0]
    without_kinds = [Span(span.start, span.end) for span in spans]
    carried = lexical_features("battery", text, without_kinds)[:, :5]
    assert carried.tolist() == [
        pytest.approx(row, abs=1e-6)
        for row in (
            [scores[0], 1, 0, 0, 0],
            [0, 0, 1, 0, 1],
            [0, 0, 0, 0, 1],
            [0, 0, 0, last, 1],
            [scores[4], last, 0, 0, 0],
        )
    ]


def test_a_paragraph_lends_its_best_match_to_its_other_sentences():
    text = "A cat sat. A cat and a dog ran. It was hot.\n\nA car went.\nIt was red."
    spans = split(text)
    features = lexical_features("cat", text, spans)
    second = features[1, 1]
    assert 0 < second < features[0, 1] == 1
    assert features[:, 5].tolist() == pytest.approx([second, 1, 1, 0, 0])


@pytest.mark.parametrize(("between", "feature"), [(" ", 6), ("\n", 6), ("\n\n", 7), ("\n \n", 7)])
def test_what_a_match_names_leads_on_to_where_it_is_told_of(between, feature):
    first, second, third = "Ann hit the drum in Zorp.", "Zorp won gold.", "A dog sat."
    text = between.join([first, second, third])
    ends = np.cumsum([len(first) + len(between), len(second) + len(between), len(third)])
    spans = [Span(int(end - size), int(end)) for end, size in zip(ends, np.diff([0, *ends]), strict=True)]
    # "zorp" stands in two sentences of three, every other word in one.
    in_one, in_two = log(1 + 2.5 / 1.5), log(1 + 1.5 / 2.5)
    found = lexical_features("drum", text, spans)
    assert found[1, feature] == pytest.approx(in_two / (in_two + 2 * in_one))
    found[1, feature] = 0
    assert not found[:, 6:].any()


def test_words_of_the_query_and_of_every_sentence_link_nothing():
    text = "The drum is red. The drum is old. The dog is red. The cat is old. The cup is hot. The day is dry."
    features = lexical_features("drum", text, split(text))
    # "red" and "old" do; "the" and "is" stand everywhere, and "drum" was asked for.
    assert (features[:4, 6] > 0).tolist() == [False, False, True, True]
    assert not features[4:, 6].any()
    assert not features[:, 7].any()


def test_features_of_nothing():
    assert lexical_features("battery", "", []).shape == (0, 8)
    assert lexical_features("battery", "a door", [Span(0, 6)]).tolist() == [[0.0] * 8]
