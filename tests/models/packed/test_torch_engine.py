from __future__ import annotations

import numpy as np
import pytest
import torch

import tiny
from semantic_highlight.errors import InputError
from semantic_highlight.models import load_scorer
from semantic_highlight.models.packed.checkpoint import read_config
from semantic_highlight.models.packed.torch_engine import PackedTorchEngine, pad_windows
from semantic_highlight.splitting import split
from semantic_highlight.train.build import write_model

QUERY = "how long does the battery last?"
TEXTS = [
    "the battery lasts ten hours. is the cellar door red? 电池可以使用十个小时。 " * n for n in (1, 5, 2)
]
SPANS = [split(text) for text in TEXTS]


@pytest.fixture(scope="module")
def windows(tiny_model):
    tokenizer, _ = load_scorer(tiny_model[0]).load()
    return [
        w for text, spans in zip(TEXTS, SPANS, strict=True) for w in tokenizer.pair(QUERY, text, spans)[1]
    ]


def engine_for(folder, dtype=torch.float32):
    return PackedTorchEngine(folder, device=torch.device("cpu"), dtype=dtype)


def test_logits_are_those_of_each_window_alone(tiny_model, windows):
    folder, network = tiny_model
    found = engine_for(folder).logits(windows)
    assert len({len(window.ids) for window in windows}) > 1
    for window, logits in zip(windows, found, strict=True):
        with torch.inference_mode():
            alone = network(**pad_windows([window]))[0][0].numpy()
        assert logits == pytest.approx(alone[window.places], abs=1e-4)


def test_scores_are_those_of_onnx_runtime(tiny_model):
    onnx = load_scorer(tiny_model[0]).score(QUERY, TEXTS, SPANS)
    found = load_scorer(tiny_model[0], device="cpu", dtype="float32").score(QUERY, TEXTS, SPANS)
    for one, other in zip(onnx, found, strict=True):
        assert one.sentences == pytest.approx(other.sentences, abs=1e-5)


def test_what_training_wrote_loads_before_it_is_exported(tmp_path):
    network = tiny.write_model(tmp_path / "exported")
    config = read_config(tmp_path / "exported")
    write_model(tmp_path / "trained", network, config, tokenizer=tmp_path / "exported")
    wanted = load_scorer(tmp_path / "exported").score(QUERY, TEXTS, SPANS)
    found = load_scorer(tmp_path / "trained").score(QUERY, TEXTS, SPANS)
    for one, other in zip(wanted, found, strict=True):
        assert one.sentences == pytest.approx(other.sentences, abs=1e-5)


def test_weights_in_int8_come_back_for_torch(tmp_path):
    tiny.write_model(tmp_path, int8=True)
    onnx = load_scorer(tmp_path).score(QUERY, TEXTS, SPANS)
    found = load_scorer(tmp_path, dtype="float32").score(QUERY, TEXTS, SPANS)
    # What is left is the rounding of the activations, which torch does not do.
    assert np.concatenate([s.sentences for s in found]) == pytest.approx(
        np.concatenate([s.sentences for s in onnx]), abs=0.05
    )


def test_half_precision_is_close(tiny_model, windows):
    folder, _ = tiny_model
    whole, half = (engine_for(folder, dtype).logits(windows) for dtype in (torch.float32, torch.bfloat16))
    gap = np.abs(np.concatenate(whole) - np.concatenate(half))
    assert 0 < gap.max() < 0.5


def test_an_unknown_device_is_refused(tiny_model):
    with pytest.raises(InputError, match="'tpu9' is none that torch knows"):
        load_scorer(tiny_model[0], device="tpu9")
