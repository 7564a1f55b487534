from __future__ import annotations

import math
import pickle
import threading
from itertools import pairwise

import numpy as np
import pytest

from contracts import ScorerContract
from pair_builders import (
    BERT_LAYOUT,
    CLS,
    SEP,
    VOCABULARY,
    XLMR_LAYOUT,
    hand_scorer,
    numbered,
    random_model,
    random_scorer,
    space_tokenizer,
)
from semantic_highlight import Highlighter
from semantic_highlight.errors import CancelledError
from semantic_highlight.models.pair_scorer import PairScorer
from semantic_highlight.models.pair_windows import normalised
from semantic_highlight.selection import MinKept, Threshold
from semantic_highlight.types import Span


def sigmoid(logit):
    return 1 / (1 + math.exp(-logit))


def ids(words):
    return [VOCABULARY[word] for word in words.split()]


class TestPairScorer(ScorerContract):
    @pytest.fixture
    def scorer(self):
        pytest.importorskip("torch")
        return random_scorer()


class TestLayout:
    @pytest.mark.parametrize(
        ("layout", "wanted", "types"),
        [
            (BERT_LAYOUT, [CLS, *ids("q1 q2"), SEP, *ids("w0 w1 ."), SEP], [0] * 4 + [1] * 4),
            (XLMR_LAYOUT, [CLS, *ids("q1 q2"), SEP, SEP, *ids("w0 w1 ."), SEP], [0] * 9),
        ],
        ids=["bert", "xlm-r"],
    )
    def test_query_and_context_between_special_tokens(self, layout, wanted, types):
        scorer, engine = hand_scorer(layout=layout)
        scorer.score("q1 q2", ["w0 w1."], [[Span(0, 6)]])
        (window,) = engine.seen
        assert window.ids.tolist() == wanted
        assert window.types.tolist() == types
        assert window.ids[window.place :].tolist() == [*ids("w0 w1 ."), SEP]

    def test_a_document_that_fits_exactly_is_one_window(self):
        text, spans = numbered(10, 11)
        scorer, engine = hand_scorer(layout=XLMR_LAYOUT, max_length=4 + 2 + 21)
        scorer.score("q1 q2", [text], [spans])
        assert [len(window.ids) for window in engine.seen] == [27]

    def test_of_a_long_query_the_first_third_of_a_window_is_read(self):
        text, spans = numbered(10)
        scorer, engine = hand_scorer(max_length=33)
        query = " ".join(f"w{n}" for n in range(100, 180))
        scorer.score(query, [text], [spans])
        (window,) = engine.seen
        assert window.ids[1:11].tolist() == ids(" ".join(f"w{n}" for n in range(100, 110)))
        assert window.ids[11] == SEP

    def test_query_is_normalised_where_the_family_does_it(self):
        for normalise, words in ((True, "what is the title"), (False, "what is the title .")):
            scorer, engine = hand_scorer(normalise_query=normalise)
            scorer.score("what is  the title.", ["w0"], [[Span(0, 2)]])
            assert engine.seen[0].ids[1 : 1 + len(words.split())].tolist() == ids(words)

    def test_normalised_queries(self):
        assert normalised("  What's the U.S. GDP,\tin 2020?  ") == "whats the us gdp in 2020"
        assert normalised("什么是？") == "什么是？"

    def test_a_query_of_nothing_but_punctuation_is_read_as_it_is(self):
        scorer, engine = hand_scorer(normalise_query=True)
        scorer.score(" . ", ["w0"], [[Span(0, 2)]])
        assert engine.seen[0].ids.tolist() == [CLS, *ids("."), SEP, *ids("w0"), SEP]


TEXT, SPANS = "w0 w1 w2. w3", [Span(0, 10), Span(10, 12)]
VALUES = {"w0": 2.0, "w1": -1.0, "w2": 0.5, ".": 4.0, "w3": -3.0}


class TestPooling:
    def test_mean_of_the_probabilities(self):
        scorer, _ = hand_scorer(VALUES)
        (scores,) = scorer.score("q1", [TEXT], [SPANS])
        wanted = [sum(map(sigmoid, (2.0, -1.0, 0.5, 4.0))) / 4, sigmoid(-3.0)]
        assert scores.sentences == pytest.approx(wanted)
        assert scores.relevance == pytest.approx(wanted[0])

    def test_probability_of_the_mean_logit(self):
        scorer, _ = hand_scorer(VALUES, pooling="logit")
        (scores,) = scorer.score("q1", [TEXT], [SPANS])
        assert scores.sentences == pytest.approx([sigmoid(5.5 / 4), sigmoid(-3.0)])

    @pytest.mark.parametrize("pooling", ["probability", "logit"])
    @pytest.mark.parametrize("apart", [False, True])
    def test_a_sentence_without_tokens_scores_zero(self, pooling, apart):
        scorer, _ = hand_scorer({"w0": 1.0}, pooling=pooling, sentences_apart=apart)
        (scores,) = scorer.score("q1", ["w0 \n "], [[Span(0, 3), Span(3, 5)]])
        assert scores.sentences == pytest.approx([sigmoid(1.0), 0.0])

    @pytest.mark.parametrize("pooling", ["probability", "logit"])
    def test_a_document_without_tokens_scores_zero(self, pooling):
        scorer, engine = hand_scorer(pooling=pooling)
        (scores,) = scorer.score("q1", ["  "], [[Span(0, 2)]])
        assert (scores.sentences, scores.relevance, engine.seen) == ((0.0,), 0.0, [])

    def test_relevance_is_the_best_ranking_logit_of_the_windows(self):
        text, spans = numbered(*[9] * 8)
        scorer, engine = hand_scorer(ranking=lambda window: -float(window.tokens[0]) / 10 - 1.0)
        (scores,) = scorer.score("q1", [text], [spans])
        assert len(engine.seen) > 2
        assert scores.relevance == pytest.approx(sigmoid(-1.0))

    def test_scores_stay_in_range_whatever_the_logits(self):
        scorer, _ = hand_scorer({"w0": 1e30, "w1": -1e30}, ranking=lambda _: 1e30)
        (scores,) = scorer.score("q1", ["w0 w1"], [[Span(0, 3), Span(3, 5)]])
        assert scores.sentences == pytest.approx((1.0, 0.0))
        assert scores.relevance == pytest.approx(1.0)


class TestTokens:
    def test_a_word_after_a_space_belongs_to_its_own_sentence(self):
        # The token of w1 has the offsets of " w1", and that space ends the first sentence.
        scorer, _ = hand_scorer({"w0": 3.0, "w1": -3.0}, tokenizer=space_tokenizer())
        (scores,) = scorer.score("q1", ["w0 w1"], [[Span(0, 3), Span(3, 5)]])
        assert scores.sentences == pytest.approx([sigmoid(3.0), sigmoid(-3.0)])

    def test_sentences_are_tokenised_apart_where_the_family_does_it(self):
        # Across the border "w1" is one word; each half by itself is unknown, and has no log-odds here.
        spans = [Span(0, 4), Span(4, 5)]
        whole, _ = hand_scorer({"w1": 2.0})
        apart, engine = hand_scorer({"w1": 2.0}, sentences_apart=True)
        assert whole.score("q1", ["w0 w1"], [spans])[0].sentences == pytest.approx(
            [(0.5 + sigmoid(2)) / 2, 0.0]
        )
        assert apart.score("q1", ["w0 w1"], [spans])[0].sentences == pytest.approx([0.5, 0.5])
        assert engine.seen[0].tokens == (0, 3)

    def test_characters_beyond_the_basic_plane_and_lone_surrogates_keep_offsets(self):
        text = "\U0001f600 w0. \ud800 w1."
        spans = [Span(0, 6), Span(6, len(text))]
        scorer, _ = hand_scorer({"w0": 2.0, "w1": -2.0})
        (scores,) = scorer.score("q1 \udfff", [text], [spans])
        assert scores.sentences == pytest.approx(
            [(0.5 + sigmoid(2.0) + 0.5) / 3, (0.5 + sigmoid(-2.0) + 0.5) / 3]
        )

    def test_one_call_of_the_tokenizer_for_all_documents(self):
        class Counting:
            def __init__(self, inner):
                self.inner, self.batches = inner, 0

            def encode(self, *arguments, **options):
                return self.inner.encode(*arguments, **options)

            def encode_batch(self, *arguments, **options):
                self.batches += 1
                return self.inner.encode_batch(*arguments, **options)

        from pair_builders import word_tokenizer

        for apart in (False, True):
            counting = Counting(word_tokenizer())
            scorer, _ = hand_scorer(tokenizer=counting, sentences_apart=apart)
            scorer.score("q1", ["w0. w1."] * 20, [[Span(0, 4), Span(4, 7)]] * 20)
            assert counting.batches == 1


class TestWindows:
    def test_every_token_is_scored_and_windows_overlap(self):
        text, spans = numbered(*[7] * 20)
        scorer, engine = hand_scorer({f"w{n}": n / 50 - 1 for n in range(140)})
        (scores,) = scorer.score("q1", [text], [spans])
        wanted = [np.mean([sigmoid(n / 50 - 1) for n in range(7 * i, 7 * i + 7)]) for i in range(20)]
        assert scores.sentences == pytest.approx(wanted)
        ranges = [window.tokens for window in engine.seen]
        assert ranges[0][0] == 0
        assert ranges[-1][1] == 140
        assert all(len(window.ids) <= 32 for window in engine.seen)
        scorer, engine = hand_scorer(max_length=80)
        scorer.score("q1", [text], [spans])
        (_, first), (second, _) = (window.tokens for window in engine.seen[:2])
        assert first - second in (7, 14)

    def test_a_sentence_longer_than_a_window_is_scored_to_its_end(self):
        text, spans = numbered(3, 100, 3)
        scorer, engine = hand_scorer({f"w{n}": n / 50 - 1 for n in range(106)})
        (scores,) = scorer.score("q1", [text], [spans])
        assert scores.sentences[1] == pytest.approx(np.mean([sigmoid(n / 50 - 1) for n in range(3, 103)]))
        covered = sorted(window.tokens for window in engine.seen)
        assert all(one[1] > other[0] for one, other in pairwise(covered))

    def test_a_token_in_several_windows_counts_by_its_mean(self):
        text, spans = numbered(*[7] * 20)
        scorer, engine = hand_scorer(pooling="logit", max_length=80)
        numbers = iter(range(100))

        def encode(windows, **_):
            from semantic_highlight.models.pair_engine import EncodedWindow

            engine.seen += windows
            return [
                EncodedWindow(np.full(w.tokens[1] - w.tokens[0], next(numbers), np.float32), None)
                for w in windows
            ]

        engine.encode = encode
        (scores,) = scorer.score("q1", [text], [spans])
        wanted = []
        for n in range(20):
            held = [k for k, w in enumerate(engine.seen) if w.tokens[0] <= 7 * n < w.tokens[1]]
            wanted.append(sigmoid(sum(held) / len(held)))
        assert scores.sentences == pytest.approx(wanted)
        assert any(score not in {sigmoid(k) for k in range(9)} for score in wanted)

    def test_later_windows_open_with_the_title_and_do_not_score_it_again(self):
        body, spans = numbered(*[7] * 12)
        head = "# title the\n"
        text = head + body
        spans = [
            Span(0, len(head), "heading"),
            *(Span(s.start + len(head), s.end + len(head)) for s in spans),
        ]
        scorer, engine = hand_scorer({"title": 2.0})
        (scores,) = scorer.score("q1", [text], [spans])
        assert len(engine.seen) > 3
        assert engine.seen[0].ids[3:6].tolist() == ids("# title the")
        for window in engine.seen[1:]:
            assert window.ids[3:6].tolist() == ids("# title the")
            assert window.place == 6
            assert window.types[3:].all()
            assert not window.types[:3].any()
            assert len(window.ids) <= 32
        assert scores.sentences[0] == pytest.approx((1 + sigmoid(2.0)) / 3)

    def test_an_opening_sentence_that_is_no_heading_is_not_repeated(self):
        text, spans = numbered(*[7] * 12)
        scorer, engine = hand_scorer()
        scorer.score("q1", [text], [spans])
        assert {window.place for window in engine.seen} == {3}

    def test_of_a_long_title_only_its_beginning_is_repeated(self):
        text, spans = numbered(*[20] * 4)
        spans[0] = Span(spans[0].start, spans[0].end, "heading")
        scorer, engine = hand_scorer(max_length=32)
        scorer.score("q1", [text], [spans])
        assert engine.seen[-1].ids[3:10].tolist() == ids("w0 w1 w2 w3 w4 w5 w6")
        assert engine.seen[-1].place == 10

    def test_eight_thousand_tokens_are_used_whole(self):
        text = "w0 " * 8000
        scorer, engine = hand_scorer(max_length=8192, layout=XLMR_LAYOUT)
        scorer.score("q1", [text], [[Span(0, len(text))]])
        assert [len(window.ids) for window in engine.seen] == [8005]


class TestSelection:
    def test_without_back_off_the_threshold_decides(self):
        assert hand_scorer()[0].default_selector == Threshold(0.5)

    def test_with_back_off_the_best_sentence_is_kept_if_it_will_do(self):
        scorer, _ = hand_scorer({"w0": -1.0, "w1": -2.0, "w2": -4.0}, backoff=0.05)
        assert scorer.default_selector == MinKept(Threshold(0.5), per_document=1, per_query=0, floor=0.05)
        highlighter = Highlighter(scorer, splitter=lambda text: [Span(0, 3), Span(3, len(text))], counter=len)
        pruned = highlighter.prune("q1", ["w1 w0", "w2 w2", "w3 w1"])
        assert [document.text for document in pruned] == ["w0", "", "w3 "]


class TestLife:
    def test_the_model_loads_when_it_is_needed_and_once(self):
        calls = []
        model = hand_scorer()[0].load()

        def load():
            calls.append(1)
            return model

        scorer = PairScorer(load)
        assert calls == []
        threads = [threading.Thread(target=lambda: scorer.name) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert scorer.name == "by-hand"
        assert calls == [1]

    def test_pickling_leaves_the_weights_out(self):
        pytest.importorskip("torch")
        scorer = random_scorer(progress=True)
        before = scorer.score("q1", ["w0 w1."], [[Span(0, 6)]])
        assert len(pickle.dumps(scorer)) < 1000
        assert pickle.loads(pickle.dumps(scorer)).score("q1", ["w0 w1."], [[Span(0, 6)]]) == before

    def test_cancelled_and_usable_after(self):
        pytest.importorskip("torch")
        scorer = PairScorer(random_model)
        event = threading.Event()
        event.set()
        with pytest.raises(CancelledError):
            scorer.score("q1", ["w0 w1."], [[Span(0, 6)]], cancelled=event.is_set)
        event.clear()
        assert scorer.score("q1", ["w0 w1."], [[Span(0, 6)]], cancelled=event.is_set)
