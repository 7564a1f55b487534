from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from semantic_highlight.models.packed.onnx_engine import OnnxEngine
from semantic_highlight.models.packed.pairs import PairTokenizer
from semantic_highlight.splitting import split

TEXT = "the battery lasts ten hours. is the cellar door red? 电池可以使用十个小时。 " * 7


@pytest.fixture
def windows(tiny_model):
    tokenizer = PairTokenizer.from_folder(
        tiny_model[0], max_length=64, query_tokens=16, block_tokens=24, overlap=8
    )
    _, found = tokenizer.pair("how long?", TEXT, split(TEXT))
    assert len({len(window.ids) for window in found}) > 1
    return found


def test_logits_are_those_of_the_network(tiny_model, windows):
    folder, network = tiny_model
    found = OnnxEngine(folder / "model.onnx").logits(windows)
    for window, logits in zip(windows, found, strict=True):
        arrays = (window.ids, window.types, window.positions, window.blocks, window.lexical)
        with torch.inference_mode():
            wanted = network(*(torch.from_numpy(a)[None] for a in arrays))[0][0].numpy()
        assert logits == pytest.approx(wanted[window.places], abs=1e-4)


def test_a_window_gives_the_same_alone_in_a_batch_and_in_sixteen_threads(tiny_model, windows):
    engine = OnnxEngine(tiny_model[0] / "model.onnx", workers=4)
    together = engine.logits(windows)
    assert all(np.array_equal(engine.logits([w])[0], t) for w, t in zip(windows, together, strict=True))
    with ThreadPoolExecutor(16) as pool:
        for found in pool.map(engine.logits, [windows] * 32):
            assert all(np.array_equal(f, t) for f, t in zip(found, together, strict=True))
