from __future__ import annotations

import shutil

import numpy as np
import pytest

pytest.importorskip("torch")
import torch

import tiny
from semantic_highlight.errors import CheckpointError
from semantic_highlight.models import load_scorer
from semantic_highlight.models.packed.weights import read_weights
from semantic_highlight.splitting import split
from semantic_highlight.train.export import quantise

TEXT = "the battery lasts ten hours. is the cellar door red? a full charge. "


def test_an_exported_file_gives_back_every_weight(tiny_model):
    folder, network = tiny_model
    weights = read_weights(folder / "model.onnx")
    state = network.state_dict()
    assert weights.keys() == state.keys()
    assert all(torch.equal(weights[name], state[name]) for name in state)


def test_int8_weights_are_within_half_a_step_and_score_alike(tiny_model, tmp_path):
    network = tiny.write_model(tmp_path, int8=True)
    weights, state = read_weights(tmp_path / "model.onnx"), network.state_dict()
    assert weights.keys() == state.keys()
    for name in state:
        row = state[name].abs().amax(dim=-1, keepdim=True) if state[name].ndim == 2 else state[name].abs()
        # 127 steps a row in the table; linear layers have 64, seven bits for CPUs without VNNI.
        assert torch.all((weights[name] - state[name]).abs() <= row / 64), name
    exact, rounded = (
        np.array(load_scorer(folder).score("how long?", [TEXT], [split(TEXT)])[0].sentences)
        for folder in (tiny_model[0], tmp_path)
    )
    assert not np.array_equal(exact, rounded)
    assert np.abs(exact - rounded).max() < 0.05


def test_kept_weights_are_rounded_to_half_precision_and_the_others_to_int8(tiny_model, tmp_path):
    import onnx

    folder, network = tiny_model
    graph = onnx.load(str(folder / "model.onnx"))
    quantise(graph, tmp_path / "model.onnx", keep=("layer.1.", "attention"))
    weights, state = read_weights(tmp_path / "model.onnx"), network.state_dict()
    assert weights.keys() == state.keys()
    linear = [name for name in state if name.endswith("weight") and "encoder.layer" in name]
    linear = [name for name in linear if state[name].ndim == 2]
    assert len(linear) == 12
    for name in linear:
        kept = "layer.1." in name or "attention" in name
        assert torch.equal(weights[name], state[name].half().float()) == kept, name
    for file in ("config.json", "tokenizer.json"):
        shutil.copy(folder / file, tmp_path / file)
    graph = onnx.load(str(folder / "model.onnx"))
    quantise(graph, tmp_path / "model.onnx", keep=("encoder.encoder",))
    exact, rounded = (
        load_scorer(where).score("how long?", [TEXT], [split(TEXT)])[0].sentences
        for where in (folder, tmp_path)
    )
    assert rounded == pytest.approx(exact, abs=2e-3)


def test_an_exported_file_tells_nothing_of_the_machine_that_made_it(tiny_model):
    assert b"semantic_highlight/" not in (tiny_model[0] / "model.onnx").read_bytes()


def test_a_file_of_another_kind_is_refused(tmp_path):
    import onnx
    from onnx import helper

    graph = helper.make_graph([], "empty", [], [])
    onnx.save(helper.make_model(graph), str(tmp_path / "other.onnx"))
    with pytest.raises(CheckpointError, match="not an ONNX file of this package"):
        read_weights(tmp_path / "other.onnx")
