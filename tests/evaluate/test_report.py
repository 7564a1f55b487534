from __future__ import annotations

import base64
import csv
import re
import sys
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from builders import split_on_stops
from by_hand import BY_HAND, FixedScorer, record, words
from semantic_highlight import Highlighter
from semantic_highlight.errors import InputError, MissingExtraError
from semantic_highlight.evaluate import Resampling, evaluate, write_report
from semantic_highlight.evaluate.curves import curve, reliability
from semantic_highlight.evaluate.tables import Table, overall_table, shown
from semantic_highlight.evaluate.worst import worst_examples

pytest.importorskip("matplotlib")
NASTY = record(
    "4",
    "<script>alert(1)</script> <b>bold</b>. Ignored.",
    ["<script>alert(1)</script> <b>bold</b>."],
    query="<i>why</i> & | how?",
)


def measured(records=BY_HAND, **scorers):
    models = {name: Highlighter(scorer) for name, scorer in (scorers or {"fixed": FixedScorer()}).items()}
    return evaluate(models, records, splitter=split_on_stops, counter=words, resampling=Resampling(20))


@pytest.fixture
def evaluation():
    long = record("5", "Seven eight. " * 300, ["Seven eight."])
    return measured([*BY_HAND, NASTY, long], fixed=FixedScorer(), other=FixedScorer({}))


@pytest.fixture
def page(tmp_path, evaluation):
    write_report(tmp_path / "new" / "out", evaluation, command="semantic-highlight evaluate --model 'a <b>'")
    return (tmp_path / "new" / "out" / "report.html").read_text(encoding="utf-8")


class Structure(HTMLParser):
    """Checks that what is opened is closed, and collects what the page would load."""

    def __init__(self):
        super().__init__()
        self.open, self.loads, self.tags = [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.loads += [value for name, value in attributes if name in {"src", "href"}]
        if tag not in {"meta", "img", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_no_other_file(page):
    structure = Structure()
    structure.feed(page)
    assert structure.open == []
    assert len(structure.loads) == 4
    for source in structure.loads:
        assert source.startswith("data:image/svg+xml;base64,")
        assert ET.fromstring(base64.b64decode(source.partition(",")[2])).tag.endswith("svg")
    assert "http" not in re.sub(r"base64,[^\"]*", "", page)


def test_nothing_of_the_data_becomes_markup(page):
    assert "<script" not in page
    assert "<b>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "&lt;i&gt;why&lt;/i&gt; &amp; | how?" in page


def test_the_command_and_the_worst_are_on_the_page(page):
    assert "semantic-highlight evaluate --model &#x27;a &lt;b&gt;&#x27;" in page
    assert page.count("<details>") == 4  # all but the one that loses nothing
    assert '<li class="lost">Six. (0.20)</li>' in page
    assert "<mark" in page
    assert "<del" in page


def test_files(tmp_path, evaluation):
    files = write_report(tmp_path, evaluation)
    assert [path.name for path in files] == ["report.html", "report.md", "measures.csv", "comparisons.csv"]
    rows = list(csv.DictReader((tmp_path / "measures.csv").read_text("utf-8").splitlines()))
    (f1,) = (row for row in rows if (row["model"], row["facet"], row["figure"]) == ("fixed", "all", "f1"))
    expected = next(row for row in evaluation.measures if row.facet == "all")
    assert [float(f1[name]) for name in ("value", "low", "high")] == [
        expected.f1.value,
        expected.f1.low,
        expected.f1.high,
    ]
    tests = list(csv.DictReader((tmp_path / "comparisons.csv").read_text("utf-8").splitlines()))
    assert {row["other"] for row in tests} == {"other"}
    assert "### By dataset" in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_the_same_evaluation_gives_the_same_page(tmp_path, evaluation):
    pages = []
    for name in "ab":
        write_report(tmp_path / name, evaluation)
        pages.append((tmp_path / name / "report.html").read_bytes())
    assert pages[0] == pages[1]


def test_a_folder_that_cannot_be_written_to(tmp_path, evaluation):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written to"):
        write_report(tmp_path / "file", evaluation)


def test_without_matplotlib_the_extra_is_named(tmp_path, evaluation, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"semantic-highlight\[evaluate\]"):
        write_report(tmp_path, evaluation)


def test_the_worst_come_first():
    evaluation = measured()
    examples = worst_examples(evaluation.sentences, evaluation.runs[0])
    # The first loses one of two; the second has nothing to lose and keeps one in vain; the third is right.
    assert [example.record.id for example in examples] == ["1", "2"]
    assert examples[0].lost == [("Six.", 0.2)]
    assert examples[0].in_vain == 1
    assert [mark[3] for mark in examples[0].marks] == [True, True, False]
    assert len(worst_examples(evaluation.sentences, evaluation.runs[0], most=1)) == 1


def test_the_curve_by_hand():
    found = curve(measured().runs[0].scored)
    assert found.thresholds == pytest.approx([1.0, 0.9, 0.8, 0.7, 0.6, 0.2, 0.1])
    assert found.recall == pytest.approx([0, 1 / 3, 1 / 3, 2 / 3, 2 / 3, 1, 1])
    assert found.precision == pytest.approx([float("nan"), 1, 1 / 2, 2 / 3, 1 / 2, 3 / 5, 1 / 2], nan_ok=True)
    assert found.removed == pytest.approx([1, 9 / 12, 7 / 12, 6 / 12, 4 / 12, 3 / 12, 0])


def test_reliability_by_hand():
    found = reliability(measured([*BY_HAND, record("6", "Seven eight. Seven eight.")]).runs[0].scored)
    at = found.scores.round(6).tolist().index(0.6)
    assert found.sentences[at] == 3
    assert found.answering[at] == 0.0
    assert found.sentences.sum() == 8


def test_tables():
    table = Table("T", ("a", "b"), (("x|y", "1"), ("z", "–")))
    assert table.as_text() == "T\na    b\nx|y  1\nz    –\n"
    assert table.as_markdown() == "### T\n\n| a | b |\n| --- | --- |\n| x\\|y | 1 |\n| z | – |\n"
    cells = dict(row for row in overall_table(measured()).rows)
    assert cells["F1"].startswith("0.571 [")
    assert re.fullmatch(r"[\d.]+ \[[\d.]+, [\d.]+\]", cells["ms a document, median"])


def test_what_was_not_measured_is_a_dash():
    from semantic_highlight.evaluate import Estimate

    nothing = float("nan")
    assert shown("f1", Estimate(nothing, nothing, nothing)) == "–"
    assert shown("f1", Estimate(0.5, nothing, nothing)) == "0.500"
    assert shown("latency_median", Estimate(0.01234, 0.01, 0.02)) == "12.3 [10, 20]"
    assert shown("latency_p95", Estimate(1.234, 0.1, 2.0)) == "1,234 [100, 2,000]"
    assert shown("tokens_per_second", Estimate(12345.6, 1e4, 2e4), interval=False) == "12,346"
