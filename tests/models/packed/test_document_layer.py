from __future__ import annotations

import pytest
import torch

from semantic_highlight.models.packed.document_layer import NEAR, DocumentLayer
from semantic_highlight.models.packed.network import PruningModel


def random_layer(seed: int = 0) -> DocumentLayer:
    torch.manual_seed(seed)
    layer = DocumentLayer(width=8, heads=2, layers=2)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return layer.eval()


def a_document(blocks: int, seed: int = 1):
    torch.manual_seed(seed)
    return {
        "logits": torch.randn(1, blocks),
        "lexical": torch.rand(1, blocks, 5),
        "blocks": torch.arange(blocks)[None],
        "keys": torch.ones(1, blocks, dtype=torch.bool),
    }


@torch.inference_mode()
def test_a_block_counts_once_however_many_tokens_carry_it():
    layer, document = random_layer(), a_document(4)
    by_block = layer(**document)[0]
    # The same as tokens: the vector of a block on each of its tokens, the first of which is the key.
    sizes = torch.tensor([3, 1, 4, 2])
    tokens = {name: value.repeat_interleave(sizes, dim=1) for name, value in document.items()}
    tokens["keys"] = torch.tensor([[1, 0, 0, 1, 1, 0, 0, 0, 1, 0]]).bool()
    by_token = layer(**tokens)[0]
    assert by_token.tolist() == pytest.approx(by_block.repeat_interleave(sizes).tolist(), abs=1e-5)


@torch.inference_mode()
def test_what_a_block_scores_depends_on_the_others_but_not_on_padding():
    layer, document = random_layer(), a_document(5)
    before = layer(**document)[0]
    changed = dict(document, logits=document["logits"].clone())
    changed["logits"][0, 4] += 3
    assert (layer(**changed)[0, :4] - before[:4]).abs().min() > 1e-4
    document["keys"][0, 4] = False
    document["blocks"][0, 4] = -1
    changed = dict(document, logits=changed["logits"])
    assert layer(**changed)[0, :4].tolist() == pytest.approx(layer(**document)[0, :4].tolist(), abs=1e-6)


@torch.inference_mode()
def test_only_distance_counts_not_the_place_in_the_document():
    layer, document = random_layer(), a_document(3 * NEAR)
    document["logits"][:], document["lexical"][:] = 0.1, 0.2
    found = layer(**document)[0, 1:]  # 0 is the query
    # Blocks that have at least NEAR others on both sides see the same neighbours, if not as many far ones.
    middle = found[NEAR:-NEAR]
    assert (middle - middle.mean()).abs().max() < (found - found.mean()).abs().max()
    document["blocks"] += document["blocks"].clamp(max=1) * 7
    assert layer(**document)[0, 1:].tolist() == pytest.approx(found.tolist(), abs=1e-5)


@torch.inference_mode()
def test_a_new_layer_changes_no_score(tiny_model):
    _, network = tiny_model
    inputs = {
        "input_ids": torch.tensor([[2, 9, 3, 2, 10, 11, 3, 2, 12, 3]]),
        "token_type_ids": torch.tensor([[0, 0, 0, 1, 1, 1, 1, 1, 1, 1]]),
        "position_ids": torch.tensor([[0, 1, 2, 0, 1, 2, 3, 0, 1, 2]]),
        "block_ids": torch.tensor([[0, 0, 0, 1, 1, 1, 1, 2, 2, 2]]),
        "lexical": torch.zeros(1, 10, 5),
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
