from __future__ import annotations

import pytest

from by_hand import FixedScorer, record
from semantic_highlight import Highlighter
from semantic_highlight.errors import InputError
from semantic_highlight.evaluate import Resampling, evaluate_parallel, pair_records

FEW = Resampling(50)
EN = [
    record("en:1", "Yes one. No one.", ["Yes one."], query="one?"),
    record("en:2", "No two. Yes two. Maybe.", ["Yes two."], query="two?"),
    record("en:3", "Alone.", ["Alone."]),
]
ZH = [
    record("zh:2", "没有二。是二。", ["是二。"], lang="zh", query="二？"),
    record("zh:1", "是一。没有一。", ["是一。"], lang="zh", query="一？"),
]


class ByQuery(FixedScorer):
    """Scores by a table of (query, sentence)."""

    def score(self, query, texts, spans):
        self.query = query
        return super().score(query, texts, spans)

    def _of(self, sentence):
        return self.scores.get((self.query, sentence.strip()), 0.0)


@pytest.fixture
def found():
    scorer = ByQuery(
        {
            ("one?", "Yes one."): 0.9,
            ("two?", "Yes two."): 0.9,
            ("一？", "是一。"): 0.9,
            ("二？", "没有二。"): 0.9,  # wrong: the answer is lost in Chinese
            ("one?", "是一。"): 0.9,
            ("two?", "是二。"): 0.9,
            ("一？", "No one."): 0.9,
        }
    )
    return evaluate_parallel({"m": Highlighter(scorer)}, pair_records(EN, ZH), resampling=FEW)


def test_pairs_are_found_by_id_in_the_order_of_the_first():
    pairs = pair_records(EN, ZH)
    assert [(a.id, b.id) for a, b in pairs] == [("en:1", "zh:1"), ("en:2", "zh:2")]


def test_every_query_meets_every_document(found):
    recall = {row.group: row.recall.value for row in found.measures}
    assert recall == {
        "en query, en document": 1.0,
        "en query, zh document": 1.0,
        "zh query, en document": 0.0,
        "zh query, zh document": 0.5,
    }
    assert {row.documents for row in found.measures} == {found.pairs} == {2}


def test_agreement_by_hand(found):
    shares = {(row.what, row.language): (row.share.value, row.pairs) for row in found.agreements}
    # English documents, 5 sentences: the Chinese queries drop both answers and keep "No one.".
    assert shares["queries", "en"] == (pytest.approx(2 / 5), 2)
    # Chinese documents, 4 sentences: the English query keeps the answer of the second, its own the other.
    assert shares["queries", "zh"] == (pytest.approx(2 / 4), 2)
    # Only the first pair has as many sentences on both sides.
    assert shares["documents", "en and zh"] == (1.0, 1)
    assert shares["answers", "en and zh"] == (0.5, 2)


def test_what_is_no_pair_of_files_is_refused():
    with pytest.raises(InputError, match="share no id"):
        pair_records(EN, [record("zh:9", "一。", lang="zh")])
    with pytest.raises(InputError, match="languages of the two files are en and en"):
        pair_records(EN, EN)
