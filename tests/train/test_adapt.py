from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

import tiny
from semantic_highlight.errors import InputError
from semantic_highlight.train.adapt import Adaptation, run_adaptation
from semantic_highlight.train.config import AdaptConfig
from semantic_highlight.train.texts import Texts, pad, read_chunks

SENTENCES = (
    "the battery lasts ten hours.",
    "the cellar door sticks in winter.",
    "电池充满后可以使用十个小时。",
)


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts")
    rng = random.Random(0)
    with gzip.open(folder / "a.txt.gz", "wt", encoding="utf-8") as file:
        file.writelines(rng.choice(SENTENCES) + rng.choice(("\n", "\n\n")) for _ in range(200))
    (folder / "b.txt").write_text("\n".join(rng.choices(tiny.WORDS, k=400)), encoding="utf-8")
    return folder


@pytest.fixture
def config(toy_files, texts, tmp_path):
    def make(**changes):
        fields = {
            "base": str(toy_files / "base"),
            "data_dir": str(texts),
            "out": str(tmp_path / "adapted"),
            "tokens": 4000,
            "length": 32,
            "batch_tokens": 256,
            "pool": 24,
            "log_every": 1,
            "save_every": 3,
            "texts": [{"path": "a.txt.gz", "weight": 2}, {"path": "b.txt"}],
        }
        return AdaptConfig.model_validate(fields | changes)

    return make


def make_texts(config):
    tokenizer = Tokenizer.from_file(str(Path(config.base) / "tokenizer.json"))
    return Texts(config, tokenizer, rows=tokenizer.get_vocab_size()), tokenizer


def test_chunks_hold_every_line_once(texts):
    chunks = list(read_chunks(texts / "a.txt.gz", 64))
    with gzip.open(texts / "a.txt.gz", "rt", encoding="utf-8") as file:
        lines = [line.strip() for line in file if line.strip()]
    assert "\n".join(chunks).split("\n") == lines
    assert all(64 <= len(chunk.replace("\n", "")) < 64 + 40 for chunk in chunks[:-1])


def test_words_are_hidden_as_in_bert(config):
    found, tokenizer = make_texts(config(pool=600))
    mask = tokenizer.token_to_id("[MASK]")
    pool = found.pool(0)
    hidden = np.concatenate([text.ids[text.places] for text in pool])
    wanted = np.concatenate([text.wanted for text in pool])
    assert len(wanted) / sum(len(text.ids) - 2 for text in pool) == pytest.approx(0.15, abs=0.01)
    assert (hidden == mask).mean() == pytest.approx(0.8, abs=0.03)
    assert (hidden == wanted).mean() == pytest.approx(0.1, abs=0.03)
    for text in pool:
        whole = text.ids.copy()
        whole[text.places] = text.wanted
        assert tokenizer.id_to_token(int(whole[0])) == "[CLS]"
        assert tokenizer.id_to_token(int(whole[-1])) == "[SEP]"
        assert mask not in whole
        assert len(whole) <= 32


def test_pools_are_the_same_at_every_repetition(config):
    some, others = (make_texts(config())[0].pool(5) for _ in range(2))
    assert [text.ids.tolist() for text in some] == [text.ids.tolist() for text in others]
    assert [text.ids.tolist() for text in some] != [t.ids.tolist() for t in make_texts(config())[0].pool(6)]


def test_places_count_through_the_padded_batch(config):
    pool = make_texts(config())[0].pool(0)[:5]
    batch = pad(pool)
    assert batch.tokens == sum(text.length for text in pool)
    flat = batch.ids.flatten()
    assert flat[batch.places].tolist() == [i for text in pool for i in text.ids[text.places]]


def test_adaptation_learns_and_gives_a_base(config, toy_files):
    settings = config(tokens=20_000, optimisation={"learning_rate": 3e-3})
    folder = run_adaptation(settings)
    log = (Path(settings.out) / "log.jsonl").read_text().splitlines()
    losses = [json.loads(line)["loss"] for line in log]
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    before, after = (load_file(path / "model.safetensors") for path in (toy_files / "base", folder))
    assert before.keys() == after.keys()
    types, dense = "embeddings.token_type_embeddings.weight", "encoder.layer.0.output.dense.weight"
    assert torch.equal(before[types], after[types])
    assert not torch.equal(before[dense], after[dense])


def test_the_adapted_base_can_be_trained(config, toy_config):
    from semantic_highlight.train import run_training

    run_training(toy_config(base=str(run_adaptation(config())), tokens=500))


class LeftError(Exception):
    pass


@pytest.mark.parametrize("step", [2, 8])
def test_an_interrupted_adaptation_goes_on_exactly(config, tmp_path, step):
    expected = load_file(run_adaptation(config(out=str(tmp_path / "unbroken"))) / "model.safetensors")

    class Leaving(Adaptation):
        def after_step(self):
            if self.progress.step == step:
                raise LeftError

    broken = config(out=str(tmp_path / "broken"))
    with pytest.raises(LeftError):
        Leaving(broken).run()
    found = load_file(run_adaptation(broken) / "model.safetensors")
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("c.txt", None, "no such file"),
        ("c.txt", b"", "is empty"),
        ("c.txt", b"\xff\xfe\xff", "cannot be read on"),
        ("c.txt.gz", b"plain", "cannot be read on"),
    ],
)
def test_a_bad_text_is_named(config, tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=rf"{name}.*{message}"):
        run_adaptation(config(data_dir=str(tmp_path), texts=[{"path": name}]))
