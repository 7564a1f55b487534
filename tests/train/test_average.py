from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

import tiny
from semantic_highlight.errors import CheckpointError, InputError
from semantic_highlight.models.packed.weights import load_network
from semantic_highlight.train.average import average_models


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    folders = [tmp_path_factory.mktemp(name) for name in ("one", "other")]
    for seed, folder in enumerate(folders):
        tiny.write_model(folder, seed=seed)
    return folders


def test_every_weight_is_the_weighted_mean(two, tmp_path):
    average_models(two, tmp_path / "mean", weights=[3, 1])
    one, other = (load_network(folder).state_dict() for folder in two)
    found = load_file(tmp_path / "mean" / "model.safetensors")
    assert found.keys() == one.keys()
    for name, value in found.items():
        assert torch.allclose(value, 0.75 * one[name] + 0.25 * other[name], atol=1e-6), name
    assert (tmp_path / "mean" / "config.json").read_text() == (two[0] / "config.json").read_text()


@pytest.mark.parametrize(("count", "weights"), [(1, [1]), (2, [1]), (2, [1, 0]), (2, [1, -1])])
def test_weights_that_do_not_fit_are_refused(two, tmp_path, count, weights):
    with pytest.raises(InputError, match="give at least two models"):
        average_models(two[:count], tmp_path / "mean", weights=weights)
    assert not (tmp_path / "mean").exists()


def test_models_of_another_shape_are_refused(two, tmp_path, monkeypatch):
    monkeypatch.setitem(tiny.SIZES, "intermediate_size", 32)
    tiny.write_model(tmp_path / "narrow")
    with pytest.raises(CheckpointError, match="has other weights than"):
        average_models([two[0], tmp_path / "narrow"], tmp_path / "mean", weights=[1, 1])
