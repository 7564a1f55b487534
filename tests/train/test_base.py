from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from semantic_highlight.errors import InputError
from semantic_highlight.train.base import (
    build_base,
    chinese_tokenizer,
    extend_embeddings,
    frequent_words,
    gloss_embedding,
    read_glosses,
)

CEDICT = """\
# CC-CEDICT
電池 电池 [dian4 chi2] /battery/CL:節|节[jie2],組|组[zu3]/
電 电 [dian4] /electricity/electric (of power)/
池 池 [chi2] /surname Chi/
門 门 [men2] /the door/
"""
FREQUENCIES = "电池 50 n\n门 30 n\n大门 9 n\nT恤 99 n\n电 20 n\n"
ENGLISH = (
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "battery",
    "electric",
    "##ity",
    "door",
    "the",
    "a",
    "##b",
    "池",
)


@pytest.fixture
def english(tmp_path):
    """A tiny English encoder folder."""
    folder = tmp_path / "english"
    folder.mkdir()
    tokenizer = Tokenizer(models.WordPiece({p: i for i, p in enumerate(ENGLISH)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    rng = np.random.default_rng(0)
    weights = {
        "bert.embeddings.word_embeddings.weight": rng.normal(size=(len(ENGLISH), 6)),
        "bert.embeddings.token_type_embeddings.weight": rng.normal(size=(2, 6)),
        "bert.embeddings.position_ids": np.arange(4)[None],
        "bert.encoder.layer.0.output.dense.weight": rng.normal(size=(6, 6)),
        "bert.pooler.dense.weight": rng.normal(size=(6, 6)),
    }
    save_file(
        {name: value.astype(np.float32) for name, value in weights.items()}, folder / "model.safetensors"
    )
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", "vocab_size": len(ENGLISH)}))
    with gzip.open(tmp_path / "cedict.txt.gz", "wt", encoding="utf-8") as file:
        file.write(CEDICT)
    (tmp_path / "dict.txt").write_text(FREQUENCIES, encoding="utf-8")
    return folder


def test_glosses_are_read_without_notes(english):
    glosses = read_glosses(english.parent / "cedict.txt.gz")
    assert glosses == {"电池": ["battery"], "电": ["electricity", "electric"], "门": ["the door"]}


def test_frequent_words_come_after_frequent_characters():
    # Characters by the words they are in: 电 70, 池 50, 门 39, 大 9. T恤 is not all Han.
    assert frequent_words(iter(FREQUENCIES.splitlines()), words=1, characters=3) == ["电", "池", "门", "电池"]


def test_a_piece_and_its_continuation_are_one_row(english):
    state = chinese_tokenizer(english / "tokenizer.json", ["电", "池", "电池"])
    vocab = state["model"]["vocab"]
    assert (vocab["电"], vocab["电池"]) == (len(ENGLISH), len(ENGLISH) + 1)
    assert vocab["池"] == ENGLISH.index("池")
    assert all(vocab[f"##{piece}"] == vocab[piece] for piece in ("电", "池", "电池"))
    tokenizer = Tokenizer.from_str(json.dumps(state))
    encoded = tokenizer.encode("door电池电池", add_special_tokens=False)
    assert encoded.ids == [vocab["door"], vocab["电池"], vocab["电池"]]
    assert encoded.offsets == [(0, 4), (4, 6), (6, 8)]


def test_a_long_run_of_chinese_is_not_lost(english):
    tokenizer = Tokenizer.from_str(json.dumps(chinese_tokenizer(english / "tokenizer.json", ["电"])))
    assert tokenizer.encode("电" * 300, add_special_tokens=False).ids == [len(ENGLISH)] * 300


def test_embeddings_come_from_glosses_then_characters_then_the_mean(english):
    table = np.random.default_rng(1).normal(size=(len(ENGLISH), 6)).astype(np.float32)
    tokenizer = Tokenizer.from_file(str(english / "tokenizer.json"))
    glosses = {"电": ["battery"], "门": ["the door"]}
    rows = {"电": 12, "门": 13, "大": 14, "电门": 15}
    found = extend_embeddings(table, rows, glosses, tokenizer)
    battery, door = (table[ENGLISH.index(word)] for word in ("battery", "door"))

    def direction(vector):
        return vector / np.linalg.norm(vector)

    assert found[:12] == pytest.approx(table)
    for piece, expected in (
        ("电", battery),
        ("门", door),
        ("大", table.mean(axis=0)),
        ("电门", battery + door),
    ):
        assert direction(found[rows[piece]]) == pytest.approx(direction(expected), abs=1e-5)
    norms = np.linalg.norm(found[12:], axis=1)
    assert norms == pytest.approx(np.full(4, np.linalg.norm(table, axis=1).mean()), rel=1e-5)


def test_glosses_of_nothing_but_stop_words_say_nothing(english):
    tokenizer = Tokenizer.from_file(str(english / "tokenizer.json"))
    assert gloss_embedding(["the", "a"], tokenizer, np.ones((len(ENGLISH), 6), np.float32)) is None


def test_a_base_is_written(english, tmp_path):
    out = tmp_path / "base"
    build_base(english, tmp_path / "cedict.txt.gz", tmp_path / "dict.txt", out, words=1, characters=2)
    weights, before = load_file(out / "model.safetensors"), load_file(english / "model.safetensors")
    # 电 and 电池 are new; 池 was there.
    assert weights["embeddings.word_embeddings.weight"].shape == (len(ENGLISH) + 2, 6)
    types = before["bert.embeddings.token_type_embeddings.weight"]
    assert weights["embeddings.token_type_embeddings.weight"] == pytest.approx(np.stack([types[0]] * 3))
    assert not any("pooler" in name or "position_ids" in name for name in weights)
    config = json.loads((out / "config.json").read_text())
    assert (config["vocab_size"], config["type_vocab_size"]) == (len(ENGLISH) + 2, 3)


def test_a_missing_source_is_named(english, tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.gz is missing"):
        build_base(english, tmp_path / "nowhere.gz", tmp_path / "dict.txt", tmp_path / "base")
