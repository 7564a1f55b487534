"""``semantic-highlight prune`` as a program: what goes in, what comes out, the one line where it cannot."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from semantic_highlight.cli import main

BATTERY = "The battery lasts ten hours. The box holds a cable. It charges in two hours.\n"
KEPT = "The battery lasts ten hours. \n"
PROGRAM = [sys.executable, "-c", "from semantic_highlight.cli import main; raise SystemExit(main())"]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture
def prune(capsys):
    """Run the program with the lexical scorer; return its exit code, output and errors."""

    def run(*arguments, model="lexical"):
        code = main(["prune", *map(str, arguments), "--model", str(model)])
        return (code, *capsys.readouterr())

    return run


@pytest.fixture
def battery(tmp_path):
    file = tmp_path / "battery.txt"
    file.write_text(BATTERY, encoding="utf-8")
    return "battery.txt"


@pytest.fixture
def jsonl(tmp_path):
    rows = [
        {"id": 7, "page_content": "The battery lasts ten hours. The box is blue.", "tags": ["a", None]},
        {"text": "电池续航十小时。包装是蓝色的。", "content": "not this", "score": 0.5},
        {"content": "Nothing of the kind."},
    ]
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    (tmp_path / "documents.jsonl").write_text("\n\n".join(lines), encoding="utf-8")
    return "documents.jsonl"


class TestText:
    def test_the_answer_goes_out_and_the_savings_to_standard_error(self, prune, battery):
        code, output, errors = prune("battery", battery, "--encoding", "o200k_base")
        assert (code, output) == (0, KEPT)
        assert errors.startswith("1 document: 1")
        assert errors.count("\n") == 1

    def test_all_is_kept_as_it_came(self, prune, battery):
        code, output, errors = prune("battery box charges", battery, "--threshold", 0)
        assert (code, output) == (0, BATTERY)
        assert ", 0% saved" in errors

    def test_files_are_separated_by_a_blank_line_and_empty_ones_left_out(self, prune, battery, jsonl):
        code, output, errors = prune("battery 续航", battery, jsonl)
        assert code == 0
        assert output == f"{KEPT}\nThe battery lasts ten hours. \n\n电池续航十小时。\n"
        assert errors.startswith("4 documents: ")

    def test_markdown_keeps_the_header_of_a_table(self, prune, tmp_path):
        table = "| city | people |\n|---|---|\n| Oslo | 700000 |\n| Bergen | 290000 |\n"
        (tmp_path / "table.md").write_text(f"Some cities.\n\n{table}", encoding="utf-8")
        _, output, _ = prune("Bergen", "table.md")
        assert output == "| city | people |\n|---|---|\n| Bergen | 290000 |\n"

    def test_windows_line_ends_stay_and_its_byte_order_mark_goes(self, prune, tmp_path):
        (tmp_path / "windows.txt").write_bytes(b"\xef\xbb\xbfThe battery lasts.\r\nThe box is blue.\r\n")
        assert prune("battery", "windows.txt", "--threshold", 0)[1] == "The battery lasts.\r\n"

    def test_an_empty_file_is_no_error(self, prune, tmp_path):
        (tmp_path / "empty.txt").touch()
        code, output, errors = prune("battery", "empty.txt")
        assert (code, output) == (0, "")
        assert errors.startswith("1 document: 0 → 0 tokens, 0% saved")

    def test_colours(self, prune, battery):
        _, output, _ = prune("battery", battery, "--highlight")
        assert output.startswith("\x1b[1;32mThe battery lasts ten hours. \x1b[0m\x1b[2;9mThe box holds")

    def test_no_colours_where_the_environment_wants_none(self, prune, battery, monkeypatch):
        monkeypatch.setenv("NO_COLOR", "1")
        _, output, _ = prune("battery", battery, "--highlight")
        assert output == BATTERY.replace("The battery lasts ten hours.", "**The battery lasts ten hours.**")


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            (["--top-k", 1], KEPT),
            (["--threshold", 1], ""),
            (["--target-compression", 1], ""),
            (["--budget", 7], KEPT),  # "The battery lasts ten hours. " is 7 tokens of o200k_base
            (["--budget", 3], ""),
            (["--neighbours", 1], "The battery lasts ten hours. The box holds a cable. \n"),
            (["--neighbours", 1, "--budget", 12], KEPT),  # the two together are 13
            (["--gap", " […] "], "The battery lasts ten hours.  […] \n"),
        ],
    )
    def test_selection(self, prune, battery, options, expected):
        code, output, _ = prune("battery", battery, *options)
        assert (code, output) == (0, expected)

    def test_an_encoding(self, prune, battery):
        assert "(cl100k_base)" in prune("battery", battery, "--encoding", "cl100k_base")[2]

    def test_a_model_folder(self, prune, battery, tiny_model):
        folder, _ = tiny_model
        code, output, _ = prune("battery", battery, "--json", "--top-k", 1, model=folder)
        record = json.loads(output)["semantic_highlight"]
        assert (code, record["sentences_kept"]) == (0, 1)
        assert record["model"] == json.loads((folder / "config.json").read_text(encoding="utf-8"))["name"]

    def test_the_bundled_model_is_the_default(self, battery, capsys):
        assert main(["prune", "How long does the battery last?", battery]) == 0
        assert "ten hours" in capsys.readouterr().out


class TestJson:
    def test_fields_stay_and_the_record_comes(self, prune, jsonl):
        code, output, _ = prune("battery 续航", jsonl, "--json")
        first, second, third = map(json.loads, output.splitlines())
        assert code == 0
        record = first.pop("semantic_highlight")
        assert first == {"id": 7, "page_content": "The battery lasts ten hours. ", "tags": ["a", None]}
        assert (record["sentences_total"], record["sentences_kept"]) == (2, 1)
        assert record["tokens_saved"] == record["tokens_before"] - record["tokens_after"] > 0
        assert "sentences" not in record
        assert (second["text"], second["content"], second["score"]) == ("电池续航十小时。", "not this", 0.5)
        assert third["content"] == ""

    def test_marks_are_listed_on_request(self, prune, jsonl):
        output = prune("battery 续航", jsonl, "--json", "--highlight")[1]
        sentences = json.loads(output.splitlines()[1])["semantic_highlight"]["sentences"]
        assert [(s["start"], s["end"], s["kept"]) for s in sentences] == [(0, 8, True), (8, 15, False)]

    def test_a_second_pass_adds_to_the_record_of_the_first(self, prune, jsonl, tmp_path):
        once = prune("battery cable", jsonl, "--threshold", 0, "--json")[1]
        (tmp_path / "once.jsonl").write_text(once, encoding="utf-8")
        twice = prune("hours", "once.jsonl", "--json")[1]
        first, both = (json.loads(run.splitlines()[0])["semantic_highlight"] for run in (once, twice))
        assert both["tokens_before"] == first["tokens_before"]
        assert len(both["passes"]) == 2

    def test_a_text_file_names_its_source(self, prune, battery):
        document = json.loads(prune("battery", battery, "--json")[1])
        assert (document["source"], document["text"]) == (battery, KEPT.removesuffix("\n"))

    def test_half_a_surrogate_pair_goes_out_as_it_came(self, prune, tmp_path):
        (tmp_path / "half.jsonl").write_text('{"text": "battery \\ud83d here."}', encoding="utf-8")
        output = prune("battery", "half.jsonl", "--json")[1]
        assert json.loads(output)["text"] == "battery \ud83d here."

    def test_separators_of_unicode_do_not_end_a_line(self, prune, tmp_path):
        (tmp_path / "u.jsonl").write_text('{"text": "battery\u2028life"}\r\n', encoding="utf-8")
        assert json.loads(prune("battery", "u.jsonl", "--json")[1])["text"] == "battery\u2028life"


class TestRefusals:
    """One line on standard error, exit code 2, nothing on standard output."""

    def refused(self, outcome, *reasons):
        code, output, errors = outcome
        assert (code, output) == (2, "")
        assert errors.startswith("semantic-highlight: ")
        assert errors.count("\n") == 1
        for reason in reasons:
            assert reason in errors

    @pytest.mark.parametrize("query", ["", " \n"])
    def test_a_blank_query(self, prune, battery, query):
        self.refused(prune(query, battery), "the query is")

    @pytest.mark.parametrize("value", ["2", "-0.1", "nan", "much"])
    def test_a_bad_threshold(self, prune, battery, value):
        self.refused(prune("battery", battery, f"--threshold={value}"), "hreshold", "number")

    @pytest.mark.parametrize(
        "options",
        [
            ("--threshold", "0.5", "--budget", "9"),
            ("--top-k", "1", "--target-compression", "0.5"),
            ("--budget", "0", "--threshold", "0"),
        ],
    )
    def test_two_choices(self, prune, battery, options):
        self.refused(prune("battery", battery, *options), *options[::2], "exclude each other")

    @pytest.mark.parametrize(
        "option",
        [("--budget", "0"), ("--top-k", "0"), ("--neighbours", "-1"), ("--target-compression", "75")],
    )
    def test_a_bad_number(self, prune, battery, option):
        self.refused(prune("battery", battery, *option))

    def test_an_unknown_option_encoding_or_model(self, prune, battery):
        self.refused(prune("battery", battery, "--bugdet", "9"), "--bugdet")
        self.refused(prune("battery", battery, "--encoding", "o300k"), "o300k", "o200k_base")
        self.refused(prune("battery", battery, model="nowhere"), "nowhere", "model folder")

    def test_no_file(self, prune):
        self.refused(prune("battery"), "files")

    def test_a_file_that_is_not_there_or_is_a_folder(self, prune, battery, tmp_path):
        self.refused(prune("battery", battery, "nowhere.txt"), "nowhere.txt", "No such file")
        self.refused(prune("battery", battery, tmp_path), str(tmp_path), "directory")

    def test_what_is_not_utf_8_names_file_and_byte(self, prune, battery, tmp_path):
        (tmp_path / "latin.txt").write_bytes("caf\u00e9 au lait".encode("latin-1"))
        self.refused(prune("battery", battery, "latin.txt"), "latin.txt", "0xe9", "offset 3")

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ("{", "line 2 is not JSON"),
            ("[" * 100_000, "line 2 is not JSON"),
            ('"text"', "line 2 is str"),
            ('{"body": "x"}', "line 2 has no text"),
            ('{"text": 1}', "the field text is int"),
        ],
    )
    def test_a_line_that_is_no_document(self, prune, tmp_path, line, reason):
        (tmp_path / "bad.jsonl").write_text(f'{{"text": "battery"}}\n{line}\n', encoding="utf-8")
        self.refused(prune("battery", "bad.jsonl"), "bad.jsonl", reason)

    def test_a_name_with_a_line_break_still_makes_one_line(self, prune):
        self.refused(prune("battery", "no\nsuch\x00file.txt"))


class TestProcess:
    def start(self, *arguments, **options):
        return subprocess.run(
            [*PROGRAM, "prune", "battery", *arguments, "--model", "lexical"],
            capture_output=True,
            check=False,
            **options,
        )

    def test_standard_input(self):
        done = self.start("-", input=BATTERY.encode())
        assert (done.returncode, done.stdout) == (0, KEPT.encode())

    def test_standard_input_of_json_lines(self):
        done = self.start("-", "--jsonl", input=b'{"text": "The battery."}\n{"text": "The box."}')
        assert (done.returncode, done.stdout) == (0, b"The battery.\n")

    def test_output_is_utf_8_whatever_the_locale(self):
        done = self.start(
            "-", input="battery 电池".encode(), env={**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
        )
        assert (done.returncode, done.stdout) == (0, "battery 电池\n".encode())

    def test_a_reader_that_went_away_is_no_error_to_report(self):
        reading, writing = os.pipe()
        os.close(reading)
        try:
            done = subprocess.run(
                [*PROGRAM, "prune", "battery", "-", "--model", "lexical"],
                input=BATTERY.encode(),
                stdout=writing,
                stderr=subprocess.PIPE,
                check=False,
            )
        finally:
            os.close(writing)
        assert (done.returncode, done.stderr) == (1, b"")

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
    def test_a_full_disk(self):
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                [*PROGRAM, "prune", "battery", "-", "--model", "lexical"],
                input=BATTERY.encode(),
                stdout=full,
                stderr=subprocess.PIPE,
                check=False,
            )
        assert done.returncode == 2
        assert done.stderr.startswith(b"semantic-highlight: the output cannot be written")
