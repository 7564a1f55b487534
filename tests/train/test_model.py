from __future__ import annotations

import numpy as np
import pytest
import torch

from semantic_highlight.errors import CheckpointError
from semantic_highlight.models.packed.network import (
    TO_FARTHER,
    TO_NEIGHBOUR,
    TO_NOTHING,
    TO_QUERY,
    attention_bias,
)
from semantic_highlight.models.packed.pairs import PairTokenizer
from semantic_highlight.splitting import split
from semantic_highlight.train.batches import collate, featurise
from semantic_highlight.train.build import build_model, load_network, write_model
from semantic_highlight.train.config import Optimisation
from semantic_highlight.train.data import Mixture
from semantic_highlight.train.measure import row_scores, window_logits
from semantic_highlight.train.optimise import build_optimizer, rate_at


def test_attention_by_hand():
    bias = attention_bias(torch.tensor([[0, 1, 2, 3, -1]]))[0]
    far = TO_NEIGHBOUR + TO_FARTHER
    none = TO_NOTHING
    assert bias[:4].tolist() == [
        [0.0, none, none, none, none],
        [TO_QUERY, 0.0, TO_NEIGHBOUR, far, none],
        [TO_QUERY, TO_NEIGHBOUR, 0.0, TO_NEIGHBOUR, none],
        [TO_QUERY, far, TO_NEIGHBOUR, 0.0, none],
    ]


def test_padding_changes_nothing(toy_config):
    config = toy_config()
    model = build_model(config).eval()
    torch.nn.init.normal_(model.pruning_head.linear.weight)
    tokenizer = PairTokenizer.from_folder(config_base(config), max_length=64)
    rng = np.random.default_rng(0)
    features = [featurise(e, tokenizer, rng) for e in Mixture(config, split).pool(0)[:6]]
    assert len({len(f.window.ids) for f in features}) > 1
    batch = collate(features)
    with torch.inference_mode():
        logits, _ = model(**batch.inputs)
    for row, feature in enumerate(features):
        alone = window_logits(model, feature.window)
        assert logits[row, feature.window.places].numpy() == pytest.approx(alone, abs=1e-4)


def config_base(config):
    from pathlib import Path

    return Path(config.base)


def test_a_row_scores_the_mean_probability_of_its_tokens(toy_config):
    config = toy_config()
    model = build_model(config).eval()
    tokenizer = PairTokenizer.from_folder(config_base(config), max_length=64)
    example = Mixture(config, split)._streams[0].rows[0]
    scores = row_scores(model, tokenizer, example)
    text, (window,) = tokenizer.pair(example.record.query, example.record.context, example.spans)
    probabilities = 1 / (1 + np.exp(-window_logits(model, window)))
    last = example.spans[-1]
    tokens = [p for p, (start, _) in zip(probabilities, text.offsets, strict=True) if start >= last.start]
    assert scores[-1] == pytest.approx(np.mean(tokens))
    assert len(scores) == len(example.spans)


def test_groups_of_parameters(toy_config):
    model = build_model(toy_config())
    options = Optimisation(learning_rate=1e-3, embedding_rate=0.5, head_rate=5.0, weight_decay=0.1)
    names = {id(p): name for name, p in model.named_parameters()}
    settings = {
        names[id(p)]: (group["lr"], group["weight_decay"])
        for group in build_optimizer(model, options).param_groups
        for p in group["params"]
    }
    assert settings.keys() == set(names.values())
    assert settings["encoder.embeddings.word_embeddings.weight"] == pytest.approx((5e-4, 0.0))
    assert settings["encoder.encoder.layer.0.output.dense.weight"] == pytest.approx((1e-3, 0.1))
    assert settings["encoder.encoder.layer.0.output.dense.bias"] == pytest.approx((1e-3, 0.0))
    assert settings["pruning_head.linear.weight"] == pytest.approx((5e-3, 0.1))


def test_the_learning_rate_warms_up_and_falls_by_a_cosine():
    options = Optimisation(warmup=0.1, final_rate=0.2)
    shares = (0.0, 0.05, 0.1, 0.55, 1.0)
    assert [rate_at(s, options) for s in shares] == pytest.approx([0.01, 0.5, 1.0, 0.6, 0.2])
    assert rate_at(0.0, Optimisation(warmup=0.0)) == 1.0


def test_weights_of_another_network_are_refused(tiny_model, tmp_path):
    from safetensors.torch import load_file, save_file

    from semantic_highlight.models.packed.checkpoint import read_config

    folder, network = tiny_model
    write_model(tmp_path / "model", network, read_config(folder), tokenizer=folder)
    path = tmp_path / "model" / "model.safetensors"
    weights = load_file(path)
    del weights["pruning_head.linear.bias"]
    save_file(weights, path)
    with pytest.raises(CheckpointError, match=r"pruning_head\.linear\.bias"):
        load_network(tmp_path / "model")


def test_a_folder_without_weights_is_refused(tmp_path, tiny_model):
    import shutil

    shutil.copy(tiny_model[0] / "config.json", tmp_path)
    with pytest.raises(CheckpointError, match=r"neither model\.safetensors nor model\.onnx"):
        load_network(tmp_path)


def test_a_shipped_onnx_file_gives_the_network_back(tiny_model):
    folder, network = tiny_model
    found = load_network(folder).state_dict()
    expected = network.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
