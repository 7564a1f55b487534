import pickle
import sys
import types
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from builders import split_on_stops, words
from semantic_highlight import Highlighter, Threshold, TokenBudget, TopK
from semantic_highlight.errors import InputError, ScoringError
from semantic_highlight.selection import MinKept
from semantic_highlight.testing import KeywordScorer
from semantic_highlight.types import DocumentScores, Span

TEXTS = ["The cat sat. The dog ran. The cat and the dog slept.", "狗在叫。猫在睡。", "", " \n"]


class FixedScorer:
    """Returns what it is told to, right or wrong."""

    name = "fixed"
    default_threshold = 0.25

    def __init__(self, answer):
        self.answer = answer
        self.seen = []

    def score(self, query, texts, spans):
        self.seen.append((query, list(texts)))
        return self.answer(texts, spans)


@pytest.fixture
def highlighter():
    return Highlighter(KeywordScorer(["cat", "猫"]), splitter=split_on_stops, counter=words)


class TestHighlight:
    def test_scores_every_sentence_and_drops_nothing(self, highlighter):
        documents = highlighter.highlight("cat", TEXTS)
        assert [document.text for document in documents] == TEXTS
        assert documents[0].scores == (0.5, 0.0, 0.5)
        assert documents[1].scores == (0.0, 0.5)
        assert [document.relevance for document in documents] == [0.5, 0.5, 0.0, 0.0]
        assert documents[0].spans == (Span(0, 13), Span(13, 26), Span(26, 52))
        assert documents[0].model == "keywords"

    def test_scorer_never_sees_a_text_of_white_space(self):
        scorer = FixedScorer(lambda texts, spans: [DocumentScores((0.5,), 0.5) for _ in texts])
        documents = Highlighter(scorer, counter=words).highlight("q", ["", "One.", " \n"])
        assert scorer.seen == [("q", ["One."])]
        assert [document.scores for document in documents] == [(), (0.5,), (0.0,)]

    def test_scores_are_plain_floats_whatever_the_scorer_counts_in(self):
        scorer = FixedScorer(
            lambda texts, spans: [DocumentScores(np.array([0.5], np.float32), np.float32(0.5))]
        )
        (document,) = Highlighter(scorer, counter=words).highlight("q", ["One."])
        assert [type(score) for score in (*document.scores, document.relevance)] == [float, float]

    def test_no_texts(self, highlighter):
        assert highlighter.highlight("cat", []) == []
        assert highlighter.prune("cat", []) == []


class TestPrune:
    def test_keeps_what_answers_in_place_and_order(self, highlighter):
        pruned = highlighter.prune("cat", TEXTS)
        assert [document.text for document in pruned] == [
            "The cat sat. The cat and the dog slept.",
            "猫在睡。",
            "",
            " \n",
        ]
        assert pruned[0].savings.tokens_before == 12
        assert pruned[0].savings.tokens_after == 9
        assert pruned[0].savings.token_counter == "words"

    def test_default_selector_is_the_scorers_threshold(self):
        scorer = FixedScorer(lambda texts, spans: [DocumentScores((0.2, 0.3), 0.3)])
        (document,) = Highlighter(scorer, splitter=split_on_stops, counter=words).prune("q", ["A. B."])
        assert document.text == "B."
        assert document.selector == "Threshold(value=0.25)"

    def test_a_scorer_may_bring_a_selector_of_its_own(self):
        scorer = FixedScorer(lambda texts, spans: [DocumentScores((0.2, 0.1), 0.3)])
        scorer.default_selector = MinKept(Threshold(0.25), floor=0.15)
        highlighter = Highlighter(scorer, splitter=split_on_stops, counter=words)
        assert highlighter.prune("q", ["A. B."])[0].text == "A. "
        assert highlighter.prune("q", ["A. B."], selector=Threshold(0.25))[0].text == ""
        mine = Highlighter(scorer, splitter=split_on_stops, counter=words, selector=Threshold(0.25))
        assert mine.prune("q", ["A. B."])[0].text == ""

    def test_selector_of_the_call_beats_that_of_the_highlighter(self):
        highlighter = Highlighter(
            KeywordScorer(["b"]), splitter=split_on_stops, counter=words, selector=TopK(1)
        )
        assert highlighter.prune("q", ["a. b. bb."])[0].text == "b. "
        assert highlighter.prune("q", ["a. b. bb."], selector=Threshold(0.0))[0].text == "b. bb."

    def test_budget_is_shared_between_documents(self, highlighter):
        pruned = highlighter.prune("cat", TEXTS[:1] * 3, selector=TokenBudget(6))
        assert [document.text for document in pruned] == ["The cat sat. ", "The cat sat. ", ""]

    def test_gap_marks_what_was_dropped(self):
        highlighter = Highlighter(KeywordScorer(["x"]), splitter=split_on_stops, counter=words, gap="[…] ")
        assert highlighter.prune("q", ["x. Not this one. x."])[0].text == "x. […] x."

    def test_nothing_kept_is_empty_and_in_place(self, highlighter):
        assert [d.text for d in highlighter.prune("cat", ["Dogs.", "A cat."])] == ["", "A cat."]


class TestSelect:
    def test_again_without_scoring_again(self):
        scorer = FixedScorer(lambda texts, spans: [DocumentScores((0.2, 0.9), 0.9)])
        highlighter = Highlighter(scorer, splitter=split_on_stops, counter=words)
        documents = highlighter.highlight("q", ["A. B."])
        texts = [
            highlighter.select(documents, selector=s)[0].text for s in (TopK(1), TopK(2), Threshold(1.0))
        ]
        assert texts == ["B.", "A. B.", ""]
        assert len(scorer.seen) == 1

    def test_takes_any_object_that_selects(self, highlighter):
        class LastOnly:
            def select(self, documents, assembler):
                return [[False] * (len(d.spans) - 1) + [True] for d in documents]

            def __repr__(self):
                return "LastOnly()"

        (document,) = highlighter.prune("cat", TEXTS[:1], selector=LastOnly())
        assert document.text == "The cat and the dog slept."
        assert document.selector == "LastOnly()"

    @pytest.mark.parametrize("masks", [[], [[True]], [[True, True, True, True]], None, [True]])
    def test_anything_but_a_flag_for_each_sentence(self, highlighter, masks):
        class Wrong:
            def select(self, documents, assembler):
                return masks

        with pytest.raises(InputError, match="one flag for every span"):
            highlighter.prune("cat", TEXTS[:1], selector=Wrong())


class TestInput:
    @pytest.mark.parametrize("query", ["", " \n", None, 3, ["cat"]])
    def test_blank_query(self, highlighter, query):
        with pytest.raises(InputError, match="the query is"):
            highlighter.highlight(query, TEXTS)

    @pytest.mark.parametrize("texts", ["The cat sat.", b"The cat sat.", None, {"a": "b"}, iter(["a"])])
    def test_texts_that_are_no_list(self, highlighter, texts):
        with pytest.raises(InputError, match="pass a list of strings"):
            highlighter.prune("cat", texts)

    @pytest.mark.parametrize("text", [None, 3, b"bytes"])
    def test_text_that_is_no_string(self, highlighter, text):
        with pytest.raises(InputError, match=r"texts\[1\] is"):
            highlighter.prune("cat", ["fine", text])

    @pytest.mark.parametrize("selector", [0.5, "Threshold", Threshold, lambda documents: documents])
    def test_selector_that_cannot_select(self, highlighter, selector):
        with pytest.raises(InputError, match="use a selector"):
            highlighter.prune("cat", TEXTS, selector=selector)
        with pytest.raises(InputError, match="use a selector"):
            Highlighter(KeywordScorer(), selector=selector)

    def test_counter_that_cannot_count(self):
        with pytest.raises(InputError, match="not known"):
            Highlighter(KeywordScorer(), counter="gpt2")

    @pytest.mark.parametrize(
        "spans",
        [
            [],
            [Span(0, 3)],
            [Span(1, 5)],
            [Span(0, 3), Span(2, 5)],
            [Span(0, 2), Span(3, 5)],
            [Span(0, 9), Span(9, 5)],
        ],
    )
    def test_splitter_that_does_not_tile(self, spans):
        with pytest.raises(InputError, match="tile"):
            Highlighter(KeywordScorer(), splitter=lambda text: spans).highlight("q", ["Five."])


class TestScorerFaults:
    def fault(self, answer):
        highlighter = Highlighter(FixedScorer(answer), splitter=split_on_stops, counter=words)
        with pytest.raises(ScoringError) as caught:
            highlighter.prune("q", ["A. B."])
        return str(caught.value)

    def test_wrong_number_of_documents(self):
        assert self.fault(lambda texts, spans: []) == "the scorer fixed returned 0 documents for 1"

    def test_wrong_number_of_scores(self):
        assert "1 scores for 2 sentences" in self.fault(lambda texts, spans: [DocumentScores((0.5,), 0.5)])

    @pytest.mark.parametrize("answer", [((0.5, 0.5), 0.5), None, [0.5, 0.5]])
    def test_anything_but_document_scores(self, answer):
        said = self.fault(lambda texts, spans: [answer])
        assert said.startswith(f"the scorer fixed returned {answer!r}: it must return one DocumentScores")

    def test_no_scores(self):
        said = self.fault(lambda texts, spans: [DocumentScores(None, 0.5)])
        assert "None for 2 sentences: use a tuple" in said

    @pytest.mark.parametrize("score", [float("nan"), -0.01, 1.01, float("inf"), None, "0.5", [0.5], 10**400])
    def test_score_out_of_range(self, score):
        assert "a score is 0.0 to 1.0" in self.fault(lambda texts, spans: [DocumentScores((0.5, score), 0.5)])
        assert "a score is 0.0 to 1.0" in self.fault(lambda texts, spans: [DocumentScores((0.5, 0.5), score)])

    def test_any_error_of_a_scorer_is_a_scoring_error(self):
        assert (
            self.fault(lambda texts, spans: 1 / 0)
            == "the scorer fixed failed: ZeroDivisionError: division by zero"
        )

    def test_our_own_errors_pass_as_they_are(self):
        def refuse(texts, spans):
            raise InputError("the query is too long")

        highlighter = Highlighter(FixedScorer(refuse), counter=words)
        with pytest.raises(InputError, match="too long"):
            highlighter.prune("q", ["A."])


class TestMaking:
    def test_lexical_needs_no_model(self):
        highlighter = Highlighter.lexical(selector=MinKept(Threshold(1.0)), counter=words)
        (document,) = highlighter.prune(
            "How long does the battery last?", ["It is red. The battery lasts a day."]
        )
        assert document.text == "The battery lasts a day."
        assert document.model == "bm25"

    def test_from_pretrained_passes_the_checkpoint_and_loading_options_on(self, monkeypatch):
        asked = []
        models = types.ModuleType("semantic_highlight.models")
        models.load_scorer = lambda checkpoint, **options: (
            asked.append((checkpoint, options)) or KeywordScorer()
        )
        monkeypatch.setitem(sys.modules, "semantic_highlight.models", models)
        highlighter = Highlighter.from_pretrained("folder", counter=words, gap="…", threads=2)
        assert asked == [("folder", {"threads": 2})]
        assert (highlighter.scorer.name, highlighter.gap) == ("keywords", "…")
        Highlighter.from_pretrained()
        assert asked[1] == ("bundled", {})

    def test_can_be_pickled(self):
        highlighter = Highlighter(KeywordScorer(["cat"]), selector=TopK(1), gap="…")
        copy = pickle.loads(pickle.dumps(highlighter))
        assert copy.prune("cat", TEXTS) == highlighter.prune("cat", TEXTS)


def test_sixteen_threads_agree_with_one(highlighter):
    alone = highlighter.prune("cat", TEXTS * 5)
    with ThreadPoolExecutor(16) as pool:
        assert all(
            pruned == alone for pruned in pool.map(lambda _: highlighter.prune("cat", TEXTS * 5), range(64))
        )
