"""``semantic-highlight train`` as a program."""

from pathlib import Path

import pytest

from semantic_highlight.cli import main

CONFIG = """
base = "{folder}/base"
data_dir = "{folder}"
out = "run"
tokens = 400
max_length = 64
query_tokens = 16
batch_tokens = 200
pool = 8

[[sources]]
path = "{source}"
weight = 1
"""


@pytest.fixture
def config(toy_files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(source="toy.jsonl.gz", extra=""):
        Path("run.toml").write_text(extra + CONFIG.format(folder=toy_files, source=source), encoding="utf-8")
        return "run.toml"

    return write


def test_it_prints_the_folder_of_a_whole_model(config, capsys):
    assert main(["train", config()]) == 0
    folder = Path(capsys.readouterr().out.strip())
    assert {"config.json", "tokenizer.json", "model.safetensors"} <= {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("arguments", "extra", "said"),
    [
        ([], "tokns = 3\n", "tokns"),
        (["--adapt"], "", "no folder"),
        (["--teacher", "nowhere"], "", "nowhere"),
    ],
)
def test_what_cannot_be_used_ends_in_one_line(config, capsys, arguments, extra, said):
    assert main(["train", config(extra=extra), *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err.splitlines()[-1]
    assert not Path("run/model").exists()
