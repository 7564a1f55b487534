from __future__ import annotations

import pytest
import torch

from semantic_highlight.models.packed.document_layer import NEAR, DocumentLayer
from semantic_highlight.models.packed.network import PruningModel
from semantic_highlight.models.packed.word_matches import LEXICAL_FEATURES


def random_layer(*, layers: int = 2) -> DocumentLayer:
    torch.manual_seed(0)
    layer = DocumentLayer(width=8, heads=2, layers=layers)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return layer.eval()


def a_document(blocks: int):
    torch.manual_seed(1)
    return {
        "logits": torch.randn(1, blocks),
        "lexical": torch.rand(1, blocks, LEXICAL_FEATURES),
        "real": torch.ones(1, blocks, dtype=torch.bool),
    }


@torch.inference_mode()
def test_what_a_block_scores_depends_on_the_others_but_not_on_padding():
    layer, document = random_layer(), a_document(5)
    before = layer(**document)[0]
    document["logits"][0, 4] += 3
    assert (layer(**document)[0, :4] - before[:4]).abs().min() > 1e-4
    document["real"][0, 4] = False
    without = {name: value[:, :4] for name, value in document.items()}
    assert layer(**document)[0, :4].tolist() == pytest.approx(layer(**without)[0].tolist(), abs=1e-5)


@torch.inference_mode()
def test_order_counts_among_near_blocks_and_not_among_far_ones():
    layer, document = random_layer(layers=1), a_document(NEAR + 6)
    before = layer(**document)[0, 1].item()

    def after_swapping(one: int, other: int) -> float:
        order = list(range(NEAR + 6))
        order[one], order[other] = other, one
        return layer(**{name: value[:, order] for name, value in document.items()})[0, 1].item()

    assert after_swapping(NEAR + 1, NEAR + 5) == pytest.approx(before, abs=1e-5)
    assert abs(after_swapping(2, NEAR + 5) - before) > 1e-4
    assert abs(after_swapping(2, 3) - before) > 1e-3


@torch.inference_mode()
def test_a_new_layer_changes_no_score(tiny_model):
    _, network = tiny_model
    inputs = {
        "input_ids": torch.tensor([[2, 9, 3, 2, 10, 11, 3, 2, 12, 3]]),
        "token_type_ids": torch.tensor([[0, 0, 0, 1, 1, 1, 1, 1, 1, 1]]),
        "position_ids": torch.tensor([[0, 1, 2, 0, 1, 2, 3, 0, 1, 2]]),
        "block_ids": torch.tensor([[0, 0, 0, 1, 1, 1, 1, 2, 2, 2]]),
        "lexical": torch.zeros(1, 3, LEXICAL_FEATURES),
    }
    plain = PruningModel(network.encoder, document=False)
    plain.pruning_head = network.pruning_head
    fresh = PruningModel(network.encoder)
    fresh.pruning_head = network.pruning_head
    assert fresh(**inputs)[0].tolist() == plain(**inputs)[0].tolist()
    corrected = network(**inputs)[0] - plain(**inputs)[0]
    for block in (1, 2):
        of_block = corrected[inputs["block_ids"] == block]
        assert of_block.tolist() == pytest.approx([of_block[0].item()] * len(of_block), abs=1e-5)
        assert of_block[0].abs() > 1e-3
