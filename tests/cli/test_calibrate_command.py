"""``semantic-highlight calibrate`` and ``records`` as programs, and what ``prune`` makes of a calibration."""

from __future__ import annotations

import json

import pytest

from semantic_highlight.calibration import Calibration
from semantic_highlight.cli import main


def row(number):
    context = f"The box is blue. The battery lasts {number} hours. It charges fast."
    start = context.index("The battery")
    return {
        "id": str(number),
        "query": f"How long does battery {number} last?",
        "context": context,
        "answer_spans": [[start, context.index(" It charges")]],
    }


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def data(tmp_path):
    lines = [json.dumps(row(number)) for number in range(1, 101)]
    (tmp_path / "mine.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return "mine.jsonl"


@pytest.fixture
def run(capsys):
    def run(*arguments):
        code = main([*map(str, arguments)])
        return (code, *capsys.readouterr())

    return run


class TestCalibrate:
    def test_writes_what_prune_takes(self, run, data, tmp_path):
        code, output, errors = run("calibrate", "--data", data, "--model", "lexical")
        assert (code, errors) == (0, "")
        fitted = Calibration.load("calibration.json")
        assert (fitted.model, fitted.recall, fitted.confidence, fitted.queries) == ("bm25", 0.95, 0.9, 100)
        assert 0 < fitted.threshold < 1
        assert output.startswith("calibration.json: bm25 keeps at least 0.95 of the gold sentences above 0.")
        (tmp_path / "d.txt").write_text(row(7)["context"], encoding="utf-8")
        query = row(7)["query"]
        code, pruned, _ = run(
            "prune", query, "d.txt", "--model", "lexical", "--calibration", "calibration.json"
        )
        assert code == 0
        assert "lasts 7 hours" in pruned
        assert (
            pruned == run("prune", query, "d.txt", "--model", "lexical", "--threshold", fitted.threshold)[1]
        )

    def test_too_few_examples_say_how_many_are_needed(self, run, data, tmp_path):
        lines = (tmp_path / data).read_text().split("\n")[:60]
        (tmp_path / "few.jsonl").write_text("\n".join(lines))
        code, output, errors = run("calibrate", "--data", "few.jsonl", "--model", "lexical")
        assert (code, output) == (2, "")
        assert "60 queries with an answer cannot promise a recall of 0.95" in errors
        assert "84 are needed" in errors
        assert errors.count("\n") == 1
        assert not (tmp_path / "calibration.json").exists()
        assert run("calibrate", "--data", "few.jsonl", "--model", "lexical", "--recall", "0.9")[0] == 0

    def test_another_models_calibration_is_refused(self, run, data, tmp_path):
        assert run("calibrate", "--data", data, "--model", "lexical", "--out", "c.json")[0] == 0
        (tmp_path / "d.txt").write_text("One. Two.")
        code, _, errors = run("prune", "q", "d.txt", "--calibration", "c.json")
        assert code == 2
        assert "fitted to the model 'bm25'" in errors

    def test_a_threshold_beside_it_is_refused(self, run, data, tmp_path):
        assert run("calibrate", "--data", data, "--model", "lexical", "--out", "c.json")[0] == 0
        (tmp_path / "d.txt").write_text("One. Two.")
        options = ["--model", "lexical", "--calibration", "c.json", "--threshold", "0.5"]
        code, _, errors = run("prune", "q", "d.txt", *options)
        assert code == 2
        assert "--threshold and --calibration exclude each other" in errors

    def test_bad_examples_are_counted_when_they_may_be_left_out(self, run, data, tmp_path):
        with (tmp_path / data).open("a") as file:
            file.write("\n{")
        code, _, errors = run("calibrate", "--data", data, "--model", "lexical")
        assert (code, "mine.jsonl, line 101: this is no JSON" in errors) == (2, True)
        code, _, errors = run("calibrate", "--data", data, "--model", "lexical", "--skip-bad")
        assert code == 0
        assert errors.startswith("mine.jsonl: 1 left out, 100 taken; the first: mine.jsonl, line 101:")


class TestRecords:
    def test_converts_there_and_back(self, run, data, tmp_path):
        assert run("records", data, "cr.jsonl", "--to", "context-relevance")[1] == (
            "cr.jsonl: 100 records in 100 rows of context-relevance\n"
        )
        code, output, _ = run("records", "cr.jsonl", "again.jsonl.gz", "--from", "context-relevance")
        assert (code, output) == (0, "again.jsonl.gz: 100 records in 100 rows of records\n")
        both = [
            run("calibrate", "--data", name, "--model", "lexical", "--out", f"{name}.json")
            for name in (data, "cr.jsonl", "again.jsonl.gz")
        ]
        assert [code for code, _, _ in both] == [0, 0, 0]
        first, second, third = (
            Calibration.load(f"{name}.json") for name in (data, "cr.jsonl", "again.jsonl.gz")
        )
        assert first == second == third

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["mine.jsonl", "out.csv"], "out.csv has no known ending"),
            (["mine.jsonl", "out.jsonl", "--to", "csv"], "the format is 'csv': use one of"),
            (["mine.jsonl", "out.jsonl", "--from", "squad"], "mine.jsonl, line 1: this is no row of squad"),
            (["nowhere.jsonl", "out.jsonl"], "nowhere.jsonl: no such file"),
        ],
    )
    def test_what_cannot_be_done_is_refused_in_one_line(self, run, data, arguments, message):
        code, output, errors = run("records", *arguments)
        assert (code, output, errors.count("\n")) == (2, "", 1)
        assert message in errors

    def test_bad_rows_are_counted_when_they_may_be_left_out(self, run, data, tmp_path):
        with (tmp_path / data).open("a") as file:
            file.write("\n{")
        code, output, errors = run("records", data, "out.jsonl", "--skip-bad")
        assert (code, output) == (0, "out.jsonl: 100 records in 100 rows of records\n")
        assert errors.startswith("1 rows left out; the first: mine.jsonl, line 101")
