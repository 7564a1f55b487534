"""The file that carries a fitted threshold: what goes in comes out, and what is no such file is refused."""

from __future__ import annotations

import json

import pytest

from builders import split_on_stops, words
from semantic_highlight import Highlighter, Threshold, TopK
from semantic_highlight.calibration import Calibration, as_calibration
from semantic_highlight.errors import InputError
from semantic_highlight.testing import KeywordScorer

MADE = Calibration("keywords", 0.4, 0.95, 0.9, queries=120, sentences=188, method="by hand")
TEXT = "The cat sat. The dog ran."


def test_what_is_saved_is_loaded_and_the_same_every_time(tmp_path):
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    MADE.save(first)
    MADE.save(str(second))
    assert first.read_bytes() == second.read_bytes()
    assert Calibration.load(first) == as_calibration(str(second)) == as_calibration(MADE) == MADE
    row = json.loads(first.read_text(encoding="utf-8"))
    assert (row["format"], row["version"], row["threshold"]) == ("semantic_highlight.calibration", 1, 0.4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "this is no calibration: its 'format' must be"),
        ({"version": 2}, "field 'version' is 2: this release reads 1"),
        ({"model": None}, "field 'model' is None: give a text"),
        ({"threshold": 1.5}, "field 'threshold' is 1.5: give a number from 0 to 1"),
        ({"threshold": float("nan")}, "field 'threshold' is nan"),
        ({"recall": "0.9"}, "field 'recall' is '0.9'"),
        ({"confidence": True}, "field 'confidence' is True"),
        ({"queries": 0}, "field 'queries' is 0: give a whole number of at least 1"),
        ({"sentences": 1.5}, "field 'sentences' is 1.5"),
    ],
)
def test_a_bad_field_is_named_with_the_file(tmp_path, change, message):
    path = tmp_path / "bad.json"
    MADE.save(path)
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | change), encoding="utf-8")
    with pytest.raises(InputError, match=rf"bad\.json: {message}"):
        Calibration.load(path)


def test_a_missing_field_is_named(tmp_path):
    path = tmp_path / "bad.json"
    MADE.save(path)
    row = json.loads(path.read_text(encoding="utf-8"))
    del row["threshold"]
    path.write_text(json.dumps(row), encoding="utf-8")
    with pytest.raises(InputError, match="field 'threshold' is missing"):
        Calibration.load(path)


@pytest.mark.parametrize("content", ["", "{", "[]", "[" * 100_000])
def test_what_is_no_calibration_is_refused(tmp_path, content):
    path = tmp_path / "bad.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"bad\.json"):
        Calibration.load(path)


def test_a_file_that_cannot_be_read_or_written_is_named(tmp_path):
    with pytest.raises(InputError, match="nowhere cannot be read"):
        Calibration.load(tmp_path / "nowhere")
    with pytest.raises(InputError, match="cannot be written"):
        MADE.save(tmp_path / "nowhere" / "c.json")
    with pytest.raises(InputError, match=r"calibration is 0\.5: pass a Calibration or the path"):
        as_calibration(0.5)


class TestHighlighter:
    def test_keeps_what_scores_above_the_fitted_threshold(self, tmp_path):
        MADE.save(tmp_path / "c.json")
        scorer = KeywordScorer(["cat"])
        for calibration in (MADE, tmp_path / "c.json", str(tmp_path / "c.json")):
            highlighter = Highlighter(scorer, splitter=split_on_stops, counter=words, calibration=calibration)
            assert highlighter.default_selector == Threshold(0.4)
            assert highlighter.prune("cat", [TEXT])[0].text == "The cat sat. "

    def test_refuses_another_models(self):
        with pytest.raises(InputError, match="fitted to the model 'keywords', and this is 'bm25'"):
            Highlighter.lexical(calibration=MADE)
        with pytest.raises(InputError, match="fitted to the model 'keywords', and this is"):
            Highlighter.from_pretrained(calibration=MADE)

    def test_refuses_a_selector_beside_it(self):
        with pytest.raises(InputError, match=r"exclude each other: .* put Threshold\(0.4\) into"):
            Highlighter(KeywordScorer(["cat"]), selector=TopK(1), calibration=MADE)
