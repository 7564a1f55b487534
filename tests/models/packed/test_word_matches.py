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
    assert lexical_features("battery", text, without_kinds).tolist() == [
        pytest.approx(row, abs=1e-6)
        for row in (
            [scores[0], 1, 0, 0, 0],
            [0, 0, 1, 0, 1],
            [0, 0, 0, 0, 1],
            [0, 0, 0, last, 1],
            [scores[4], last, 0, 0, 0],
        )
    ]


def test_features_of_nothing():
    assert lexical_features("battery", "", []).shape == (0, 5)
    assert lexical_features("battery", "a door", [Span(0, 6)]).tolist() == [[0, 0, 0, 0, 0]]
