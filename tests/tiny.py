"""A tiny random model in this package's layout, for tests that must not need a real one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

WORDS = """
    the a of battery lasts ten hours full charge how long does door sticks winter red is it cellar in word
    odd text two
""".split()  # noqa: SIM905 - a list of quoted words would hide them
CHARACTERS = "电池可以使用多久十个小时充满后门在冬天很难打开它是红色的地下室"
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
    "type_vocab_size": 3,
}


def write_tokenizer(folder: Path) -> int:
    """Write a WordPiece ``tokenizer.json`` of a few words; return the size of its vocabulary."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,?!"
    pieces = [*SPECIAL, *WORDS, *CHARACTERS, *letters, *(f"##{c}" for c in letters + CHARACTERS)]
    vocabulary = {piece: row for row, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    return len(vocabulary)


def write_base(folder: Path, *, seed: int = 0) -> Path:
    """Write a random encoder folder such as training starts from."""
    import torch
    from transformers import BertConfig, BertModel

    config = BertConfig(vocab_size=write_tokenizer(folder), **SIZES)
    torch.manual_seed(seed)
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


def write_model(folder: Path, *, int8: bool = False, seed: int = 0):
    """Write a model folder that runs on ONNX Runtime and return the network that it was exported from."""
    import onnx
    import torch
    import transformers

    from semantic_highlight.models.packed.checkpoint import ModelConfig, write_config
    from semantic_highlight.models.packed.network import PruningModel
    from semantic_highlight.train.export import quantise, to_onnx

    if transformers.__version__ < "5":
        pytest.skip("a model of this package is exported with transformers 5")
    encoder = transformers.AutoModel.from_pretrained(
        write_base(folder / "base", seed=seed), add_pooling_layer=False
    )
    model = PruningModel(encoder).eval()
    for parameter in model.parameters():  # fresh biases are all zero, and no trained model is like that
        torch.nn.init.normal_(parameter, mean=float(parameter.ndim == 0), std=0.2)
    write_tokenizer(folder)
    proto = to_onnx(model)
    if int8:
        quantise(proto, folder / "model.onnx")
    else:
        onnx.save(proto, str(folder / "model.onnx"))
    config = ModelConfig(
        name="tiny",
        max_length=64,
        query_tokens=16,
        block_tokens=24,
        overlap=16,
        temperature=1.5,
        shift=-0.5,
        default_threshold=0.4,
        encoder=json.loads(encoder.config.to_json_string()),
    )
    write_config(folder, config)
    return model
