import functools
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from adapter_contract import TEXTS, BrokenScorer, broken_counter, highlighter
from builders import assembler, highlighted
from semantic_highlight import Highlighter, Threshold, TopK, adapter
from semantic_highlight.adapter import KeepAllIfEmpty, Outcome, Pruner, best, default_highlighter, totals
from semantic_highlight.errors import InputError
from semantic_highlight.record import unpruned_record
from semantic_highlight.selection import MinKept
from semantic_highlight.testing import KeywordScorer
from semantic_highlight.types import Savings


def outcome(relevance=None, *, before=10, after=10, exact=True, error=None):
    savings = Savings(before, after, "words", exact)
    return Outcome("text", unpruned_record(savings, error=error), savings, relevance)


class TestPruner:
    def test_what_is_left_of_nothing_is_not_emptied(self):
        pruner = Pruner(highlighter=highlighter())
        outcomes = pruner.prune("battery", ["The moon.", "", " ", "The battery."], [None] * 4)
        assert [one.emptied for one in outcomes] == [True, False, False, False]
        assert [one.text for one in outcomes] == ["", "", " ", "The battery."]

    @pytest.mark.parametrize(
        ("together", "passed"), [(False, [False, True, True]), (True, [False, False, False])]
    )
    def test_small_alone_or_together(self, together, passed):
        pruner = Pruner(highlighter=highlighter(), min_tokens=13, together=together)
        outcomes = pruner.prune("battery", TEXTS, [None] * 3)
        assert ["skipped" in one.record for one in outcomes] == passed

    def test_nothing_is_scored_where_everything_is_small(self):
        pruner = Pruner(highlighter=highlighter(BrokenScorer()), min_tokens=99, on_error="raise")
        assert [one.text for one in pruner.prune("battery", TEXTS, [None] * 3)] == list(TEXTS)

    @pytest.mark.parametrize(
        ("own", "given", "shown"),
        [
            (None, None, "MinKept(inner=Threshold(value=0.0), per_document=0, per_query=1)"),
            (TopK(3), None, "MinKept(inner=TopK(n=3), per_document=0, per_query=1)"),
            (TopK(3), TopK(2), "MinKept(inner=TopK(n=2), per_document=0, per_query=1)"),
        ],
    )
    def test_the_wrapper_goes_around_the_selector_in_force(self, own, given, shown):
        pruner = Pruner(highlighter=highlighter(selector=own), selector=given, wrapper=MinKept)
        assert pruner.prune("battery", TEXTS[:1], [None])[0].record["selector"] == shown

    def test_a_broken_counter_leaves_an_estimate(self):
        pruner = Pruner(highlighter=highlighter(counter=broken_counter))
        (one,) = pruner.prune("battery", TEXTS[:1], [None])
        assert (one.record["token_counter"], one.record["exact"]) == ("estimate:o200k_base", False)
        assert one.record["tokens_before"] == one.record["tokens_after"] == 13

    def test_a_failure_keeps_the_earlier_passes(self):
        (first,) = Pruner(highlighter=highlighter()).prune("battery", TEXTS[:1], [None])
        (second,) = Pruner(highlighter=highlighter(BrokenScorer())).prune(
            "battery", [first.text], [first.record]
        )
        assert (second.record["tokens_before"], second.record["tokens_after"]) == (13, 5)
        assert "error" in second.record
        assert len(second.record["passes"]) == 2

    @pytest.mark.parametrize(
        "previous",
        [
            "a string",
            ["a list"],
            {"tokens_before": "13", "tokens_after": 13, "token_counter": "words"},
            {"tokens_before": 13, "tokens_after": 13, "token_counter": "words", "passes": 7},
            {"tokens_before": None},
        ],
        ids=str,
    )
    @pytest.mark.parametrize("scorer", [None, BrokenScorer()], ids=["works", "broken"])
    def test_metadata_that_came_back_changed_breaks_nothing(self, previous, scorer):
        (one,) = Pruner(highlighter=highlighter(scorer)).prune("battery", TEXTS[:1], [previous])
        assert ("error" in one.record) is (scorer is not None)
        assert one.record["tokens_before"] == 13

    def test_interrupts_are_no_failures(self):
        class Interrupted(KeywordScorer):
            def score(self, *args):
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            Pruner(highlighter=highlighter(Interrupted())).prune("battery", TEXTS, [None] * 3)

    @pytest.mark.parametrize(
        "option", [{"min_tokens": 0.5}, {"on_error": None}, {"selector": "best"}, {"highlighter": TopK(1)}]
    )
    def test_refuses_a_bad_option(self, option):
        with pytest.raises(InputError, match=next(iter(option))):
            Pruner(**option)

    def test_the_default_highlighter_is_made_once(self):
        assert default_highlighter() is default_highlighter()

    def test_threads_that_begin_together_make_one_default_highlighter(self, monkeypatch):
        def slowly():
            time.sleep(0.05)
            return highlighter()

        monkeypatch.setattr(Highlighter, "from_pretrained", slowly)
        unmade = functools.cache(adapter._default_highlighter.__wrapped__)
        monkeypatch.setattr(adapter, "_default_highlighter", unmade)
        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(lambda _: default_highlighter(), range(8)))
        assert len(set(map(id, made))) == 1


class TestKeepAllIfEmpty:
    documents = (highlighted(("One. ", 0.1), ("Two.", 0.2)), highlighted(("Three.", 0.6)))

    @pytest.mark.parametrize(
        ("value", "masks"), [(0.5, [[False, False], [True]]), (0.9, [[True, True], [True]])]
    )
    def test_keeps_all_or_what_the_inner_one_keeps(self, value, masks):
        assert KeepAllIfEmpty(Threshold(value)).select(self.documents, assembler()) == masks

    def test_repr(self):
        assert repr(KeepAllIfEmpty(TopK(1))) == "KeepAllIfEmpty(inner=TopK(n=1))"


class TestBest:
    outcomes = (outcome(0.2), outcome(0.9), outcome(0.2), outcome(0.5))

    @pytest.mark.parametrize(
        ("reorder", "top_n", "indices"),
        [
            (False, None, [0, 1, 2, 3]),
            (True, None, [1, 3, 0, 2]),
            (False, 3, [0, 1, 3]),
            (True, 3, [1, 3, 0]),
            (True, 9, [1, 3, 0, 2]),
        ],
    )
    def test_by_relevance(self, reorder, top_n, indices):
        assert best(self.outcomes, reorder=reorder, top_n=top_n) == indices

    def test_what_was_not_scored_is_not_ranked(self):
        assert best([*self.outcomes, outcome()], reorder=True, top_n=1) == [0, 1, 2, 3, 4]


class TestTotals:
    def test_sums(self):
        total = totals([outcome(0.5, before=30, after=10), outcome(0.1, before=10, after=5, exact=False)])
        assert (total["documents"], total["tokens_before"], total["tokens_after"]) == (2, 40, 15)
        assert (total["tokens_saved"], total["compression_rate"], total["exact"]) == (25, 0.625, False)

    def test_counts_this_pass_only(self):
        pruner = Pruner(highlighter=highlighter())
        (first,) = pruner.prune("battery", TEXTS[:1], [None])
        (second,) = pruner.prune("battery", [first.text], [first.record])
        assert second.record["tokens_saved"] == 8
        assert totals([second])["tokens_saved"] == 0

    def test_names_the_first_error(self):
        assert totals([outcome(), outcome(error="E: broken")])["error"] == "E: broken"
