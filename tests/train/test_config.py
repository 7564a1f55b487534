from __future__ import annotations

import pytest

pytest.importorskip("pydantic")

from semantic_highlight.errors import InputError
from semantic_highlight.train.config import load_config

GOOD = """\
base = "base"       # line 1
data_dir = "data"
out = "out"
tokens = 100

[optimisation]      # line 6
learning_rate = 1e-4

[[sources]]         # line 9
path = "a.jsonl"
weight = 1

[[sources]]         # line 13
path = "b.jsonl"
weight = 2
"""


def problem(tmp_path, text):
    path = tmp_path / "train.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_config(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    return message.removeprefix(f"{path}: ")


def test_a_good_file_is_read(tmp_path):
    (tmp_path / "train.toml").write_text(GOOD)
    config = load_config(tmp_path / "train.toml")
    assert (config.tokens, config.optimisation.learning_rate) == (100, 1e-4)
    assert [(source.path, source.weight) for source in config.sources] == [("a.jsonl", 1), ("b.jsonl", 2)]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("tokens = 100", "tokens = 0", "line 4, field tokens is 0: it should be greater than 0"),
        (
            "tokens = 100",
            'tokens = "many"',
            (
                "line 4, field tokens is 'many': it should be a valid integer, unable to parse string as an"
                " integer"
            ),
        ),
        ("weight = 2", "weight = -1", "line 15, field sources.1.weight is -1: it should be greater than 0"),
        (
            "weight = 2",
            "weight = 2\njoin = 1.5",
            "line 16, field sources.1.join is 1.5: it should be less than or equal to 1",
        ),
        ("weight = 1\n", "", "line 9, field sources.0.weight is missing"),
        (
            "tokens = 100",
            "token = 100",
            "field tokens is missing; line 4, field token is unknown: did you mean tokens?",
        ),
        (
            "learning_rate = 1e-4",
            "learning_rate = 1e-4\nzzz = 1",
            (
                "line 8, field optimisation.zzz is unknown: allowed are accumulate, clip_norm, "
                "document_rate, embedding_rate, final_rate, head_rate, learning_rate, sentence_loss, "
                "warmup, weight_decay"
            ),
        ),
        (
            "weight = 2",
            "weight = 2\nwieght = 2",
            "line 16, field sources.1.wieght is unknown: did you mean weight?",
        ),
        (
            "tokens = 100",
            "tokens = 100\nlora_rank = 4\nfreeze_encoder = true",
            "lora_rank and freeze_encoder exclude each other: set one of them",
        ),
        (
            "tokens = 100",
            "tokens = 100\npatience = 3",
            "patience needs something to measure: add an [[evaluation]]",
        ),
        (
            "tokens = 100",
            "tokens = 100\nquery_tokens = 400",
            "max_length leaves no room for a context: raise it, or lower query_tokens",
        ),
    ],
)
def test_a_bad_field_is_named(tmp_path, old, new, message):
    assert old in GOOD
    assert problem(tmp_path, GOOD.replace(old, new, 1)) == message


def test_broken_toml_names_its_line(tmp_path):
    assert "(at line 4, column 10)" in problem(tmp_path, GOOD.replace("tokens = 100", "tokens = "))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.toml: .*give the path of a TOML configuration"):
        load_config(tmp_path / "nowhere.toml")


def test_a_file_that_is_not_text(tmp_path):
    (tmp_path / "train.toml").write_bytes(b"base = '\xff'")
    with pytest.raises(InputError, match="not text in UTF-8"):
        load_config(tmp_path / "train.toml")
