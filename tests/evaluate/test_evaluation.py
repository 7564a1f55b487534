from __future__ import annotations

import json
from dataclasses import astuple

import numpy as np
import pytest

from builders import split_on_stops
from by_hand import BY_HAND, SCORES, FixedScorer, record, words
from semantic_highlight import Highlighter, Threshold, TopK
from semantic_highlight.errors import InputError
from semantic_highlight.evaluate import Resampling, evaluate, scored
from semantic_highlight.evaluate.groups import format_of
from semantic_highlight.evaluate.tables import as_plain
from semantic_highlight.splitting import split

FEW = Resampling(resamples=50)


def measured(records=BY_HAND, scorers=None, **options):
    scorers = scorers or {"fixed": FixedScorer()}
    models = {name: Highlighter(scorer) for name, scorer in scorers.items()}
    options = {"resampling": FEW, "splitter": split_on_stops, "counter": words} | options
    return evaluate(models, records, **options)


def row(evaluation, facet="all", group="all", model="fixed"):
    (found,) = (
        row for row in evaluation.measures if (row.facet, row.group, row.model) == (facet, group, model)
    )
    return found


def test_every_figure_by_hand(monkeypatch):
    ticks = iter([0.0, 0.1, 1.0, 1.4, 2.0, 2.2])  # three records in 0.1, 0.4 and 0.2 seconds
    monkeypatch.setattr(scored, "perf_counter", lambda: next(ticks))
    found = row(measured())
    assert (found.documents, found.unanswered, found.sentences) == (3, 1, 6)
    # Above 0.5 stand "One two three.", "Four five.", "Twelve." and "Seven eight.": 2 hits of 4 kept, of 3.
    values = {name: estimate.value for name, estimate in found.estimates()}
    assert values == pytest.approx(
        {
            "precision": 2 / 4,
            "recall": 2 / 3,
            "f1": 4 / 7,
            "f2": 5 * 2 / (4 * 3 + 4),
            "tokens_removed": 1 - 8 / 12,
            "tokens_removed_without_answer": 1 - 2 / 5,
            "gold_whole": 1 / 2,
            # Best first: hit, miss, hit, miss, hit, miss.
            "average_precision": (1 + 2 / 3 + 3 / 5) / 3,
            "best_f1": 2 * 3 / (5 + 3),
            # 6 tokens stay: 3 + 2 + 1. 3.6, 2.4 and 1.2: the first sentence, or a part of it.
            "recall_at_50": 2 / 3,
            "recall_at_70": 1 / 3,
            "recall_at_80": 0.8 / 3,
            "recall_at_90": 0.4 / 3,
            # No two scores share a bin of 1/15.
            "calibration_error": (0.1 + 0.8 + 0.3 + 0.6 + 0.8 + 0.1) / 6,
            "latency_median": 0.2,
            "latency_p95": 0.4,
            "tokens_per_second": 12 / 0.7,
        }
    )
    assert found.best_threshold == 0.2
    assert found.policy == "Threshold(value=0.5)"


def test_95_percent_of_20_documents_are_19(monkeypatch):
    ticks = iter(np.ravel([(100 * n, 100 * n + n) for n in range(1, 21)]).tolist())
    monkeypatch.setattr(scored, "perf_counter", lambda: next(ticks))
    found = row(measured([record(str(n), "Twelve.") for n in range(20)]))
    assert (found.latency_median.value, found.latency_p95.value) == (10, 19)


def test_a_record_is_scored_once_whatever_is_measured():
    scorer = FixedScorer()
    evaluation = measured(scorers={"fixed": scorer}, selectors=[Threshold(0.1), Threshold(0.65), TopK(1)])
    # And the first one once more, so that loading is no part of its time.
    assert [texts[0] for _, texts in scorer.calls] == [BY_HAND[0].context, *(r.context for r in BY_HAND)]
    found = {row.policy: row.recall.value for row in evaluation.measures if row.facet == "all"}
    assert found == pytest.approx(
        {"Threshold(value=0.1)": 1, "Threshold(value=0.65)": 2 / 3, "TopK(n=1)": 2 / 3}
    )
    ranked = {row.average_precision.value for row in evaluation.measures if row.facet == "all"}
    assert len(ranked) == 1


def test_groups_are_measured_apart():
    evaluation = measured()
    assert row(evaluation, "dataset", "a").precision.value == pytest.approx(2 / 3)
    b = row(evaluation, "dataset", "b")
    assert (b.documents, b.unanswered) == (1, 1)
    assert np.isnan(b.recall.value)
    assert b.precision.value == 0.0
    # One language, one length, one format: they would say what "all" says.
    assert {row.facet for row in evaluation.measures} == {"all", "dataset"}


def test_a_group_is_what_its_records_alone_would_be():
    rng = np.random.default_rng(0)
    texts = [" ".join(f"S{i}x{j}." for j in range(rng.integers(1, 9))) for i in range(40)]
    scores = {s: float(rng.random()) for text in texts for s in text.split()}
    records = [
        record(str(i), text, text.split()[:1], dataset="ab"[i % 2], lang=["en", "zh"][i % 3 == 0])
        for i, text in enumerate(texts)
    ]
    scorers = {"fixed": FixedScorer(scores)}
    whole = measured(records, scorers)
    for facet, name, chosen in (
        ("dataset", "b", [r for r in records if r.dataset == "b"]),
        ("language", "zh", [r for r in records if r.lang == "zh"]),
    ):
        alone, part = row(measured(chosen, scorers)), row(whole, facet, name)
        for (figure, one), (_, other) in zip(alone.estimates(), part.estimates(), strict=True):
            if not figure.startswith(("latency", "tokens_per")):
                assert astuple(one) == pytest.approx(astuple(other), nan_ok=True), figure


def test_lengths_are_in_order():
    records = [record(str(n), "word " * n + "end.") for n in (2500, 10, 600, 1500, 300)]
    evaluation = measured(records)
    names = [row.group for row in evaluation.measures if row.facet == "length"]
    assert names == [f"{name} tokens" for name in ("0-249", "250-499", "500-999", "1000-1999", "2000+")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Just prose. And more.", "prose"),
        ("# Title\n\nProse.", "markdown"),
        ("- one\n- two\n", "markdown"),
        ("Prose.\n\n```\nx = 1\n```\n", "code"),
        ("# Title\n\n| a | b |\n|---|---|\n| 1 | 2 |\n", "table"),
        ("10:32 Ann: hi\n10:33 Bob: ho\n", "lines"),
    ],
)
def test_the_format_is_the_rarest_structure(text, expected):
    assert format_of(split(text)) == expected


def test_models_are_compared_on_the_same_documents():
    worse = {**SCORES, "One two three.": 0.05, "Twelve.": 0.05}
    scorers = {"fixed": FixedScorer(), "same": FixedScorer(), "worse": FixedScorer(worse)}
    evaluation = measured(scorers=scorers)
    found = {(c.other, c.figure): c for c in evaluation.comparisons if c.facet == "all"}
    same = found["same", "f1"]
    assert (same.difference.value, same.difference.low, same.difference.high, same.p_value) == (0, 0, 0, 1)
    worse = found["worse", "recall"]
    assert worse.difference.value == pytest.approx(0 - 2 / 3)
    assert worse.difference.high <= 0
    assert worse.p_value < 0.2
    assert {c.model for c in evaluation.comparisons} == {"fixed"}
    assert not any(c.figure.startswith("latency") for c in evaluation.comparisons)


def test_a_clear_difference_is_found_and_chance_is_not():
    records = [record(str(i), f"Yes{i}. No{i}.", [f"Yes{i}."]) for i in range(60)]
    good = {f"Yes{i}.": 0.9 for i in range(60)}
    bad = good | {f"Yes{i}.": 0.1 for i in range(0, 60, 3)}
    other = good | {f"Yes{i}.": 0.1 for i in range(1, 60, 3)}
    scorers = {"bad": FixedScorer(bad), "good": FixedScorer(good), "other": FixedScorer(other)}
    evaluation = measured(records, scorers, resampling=Resampling(500))
    p = {c.other: c.p_value for c in evaluation.comparisons if (c.facet, c.figure) == ("all", "recall")}
    assert p["good"] < 0.01
    assert p["other"] > 0.3


def test_a_sources_own_sentences_are_kept_and_nothing_between_them_is_lost():
    text = "Title One two three. Four five. tail"
    own = record("1", text, ["One two three."], sentences=["One two three.", "Four five."])
    found = row(measured([own]))
    assert found.sentences == 2
    # Both are kept, and what stands around them goes with them.
    assert found.tokens_removed.value == 0.0
    found = row(measured([own], selectors=[Threshold(0.85)]))
    assert found.tokens_removed.value == pytest.approx(3 / 7)


def test_a_header_that_comes_with_its_row_is_no_decision_but_is_there():
    table = "| name | size |\n|---|---|\n| box | ten |\n"
    scorer = FixedScorer({"| box | ten |": 1.0})
    one = record("1", table, [table])  # header and row both answer
    found = row(measured([one], {"fixed": scorer}, splitter=split))
    assert found.recall.value == 0.5
    assert found.gold_whole.value == 1.0
    assert found.tokens_removed.value == 0.0


def test_the_models_own_selector_is_the_default():
    models = {"top": Highlighter(FixedScorer(), selector=TopK(1))}
    evaluation = evaluate(models, BY_HAND, splitter=split_on_stops, counter=words, resampling=FEW)
    assert {row.policy for row in evaluation.measures} == {"TopK(n=1)"}


def test_nothing_to_measure_is_an_error():
    with pytest.raises(InputError, match="no model"):
        evaluate({}, BY_HAND)
    with pytest.raises(InputError, match="no records"):
        measured([])


def test_measures_are_plain_json():
    plain = json.loads(json.dumps(as_plain(measured().measures), allow_nan=False))
    assert plain[0]["f1"]["value"] == pytest.approx(4 / 7)
    assert plain[-1]["recall"]["value"] is None  # dataset b has no answers


def test_bars_are_shown_when_asked_for(capsys):
    measured(progress=True)
    output, errors = capsys.readouterr()
    assert output == ""
    assert "fixed" in errors
    measured()
    assert capsys.readouterr() == ("", "")
