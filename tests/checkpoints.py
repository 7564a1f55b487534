"""Tiny random checkpoints, each written file by file and key by key as its publisher writes it."""

from __future__ import annotations

import json
from pathlib import Path

WORDS = """
    the a of battery lasts ten hours full charge how long does door sticks winter red is it cellar in word
    odd text two what opens when cold
""".split()  # noqa: SIM905 - a list of quoted words would hide them
CHARACTERS = "电池可以使用多久十个小时充满后门在冬天很难打开它是红色的地下室"
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,?!"

_SIZES = {
    "hidden_size": 32,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "initializer_range": 0.02,
    "num_hidden_layers": 2,
}
BASES = {
    "modernbert": {
        "model_type": "modernbert",
        "hidden_size": 32,
        "num_attention_heads": 4,
        "intermediate_size": 48,
        "num_hidden_layers": 4,  # the first and the last of them with global attention
        "max_position_embeddings": 128,
        "global_attn_every_n_layers": 3,
        "local_attention": 8,
        "global_rope_theta": 160000.0,
        "local_rope_theta": 10000.0,
        "classifier_pooling": "mean",
        "classifier_bias": False,
        "norm_bias": False,
        "pad_token_id": 0,
        "cls_token_id": 2,
        "sep_token_id": 3,
        "bos_token_id": 2,
        "eos_token_id": 3,
    },
    "bert": _SIZES
    | {"model_type": "bert", "max_position_embeddings": 64, "type_vocab_size": 2, "pad_token_id": 0},
    "xlm-roberta": _SIZES
    | {
        "model_type": "xlm-roberta",
        "max_position_embeddings": 66,
        "type_vocab_size": 1,
        "pad_token_id": 1,
        "bos_token_id": 0,
        "eos_token_id": 2,
        "layer_norm_eps": 1e-5,
    },
    "deberta-v2": _SIZES
    | {
        "model_type": "deberta-v2",
        "max_position_embeddings": 64,
        "type_vocab_size": 0,
        "pad_token_id": 0,
        "relative_attention": True,
        "position_buckets": 8,
        "norm_rel_ebd": "layer_norm",
        "share_att_key": True,
        "pos_att_type": "p2c|c2p",
        "position_biased_input": False,
        "max_relative_positions": -1,
        "pooler_hidden_size": 32,
        "pooler_hidden_act": "gelu",
        "pooler_dropout": 0,
        "layer_norm_eps": 1e-7,
    },
}
_CLASSES = {
    "modernbert": "ModernBertForSequenceClassification",
    "bert": "BertForSequenceClassification",
    "xlm-roberta": "XLMRobertaForSequenceClassification",
    "deberta-v2": "DebertaV2ForSequenceClassification",
}
_REMOTE = "modeling_open_provence_standalone."


def write_wordpiece(folder: Path, tokenizer_class: str) -> int:
    """Write the files of a BERT-like tokenizer; return the size of its vocabulary."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = [*special, *WORDS, *CHARACTERS, *LETTERS, *(f"##{c}" for c in LETTERS + CHARACTERS)]
    vocabulary = {piece: row for row, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    names = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
    return _write_tokenizer(folder, tokenizer, names, tokenizer_class)


def write_unigram(folder: Path, *, like: str) -> int:
    """Write the files of a SentencePiece-like tokenizer, XLM-R's, DeBERTa's or Llama's."""
    from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors

    cls, sep = ("[CLS]", "[SEP]") if like == "deberta" else ("<s>", "</s>")
    special = ["[PAD]", cls, sep, "[UNK]"] if like == "deberta" else [cls, "<pad>", sep, "<unk>"]
    words = [f"▁{word}" for word in WORDS]
    pieces = dict.fromkeys([*special, *words, "▁", *CHARACTERS, *LETTERS])
    scores = [(piece, 0.0 if piece in special else -1.0 - len(piece) / 100) for piece in pieces]
    tokenizer = Tokenizer(models.Unigram(scores, unk_id=3, byte_fallback=False))
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in special])
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    between = {"xlm-r": f"{sep} {sep}", "deberta": sep, "llama": f"{sep} {cls}"}[like]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{cls} $A {sep}",
        pair=f"{cls} $A {between} $B {sep}",
        special_tokens=[(cls, special.index(cls)), (sep, special.index(sep))],
    )
    named = {"pad": special[0 if like == "deberta" else 1], "unk": special[3]}
    names = named | {"cls": cls, "sep": sep, "bos": cls, "eos": sep}
    classes = {
        "xlm-r": "XLMRobertaTokenizer",
        "deberta": "DebertaV2Tokenizer",
        "llama": "LlamaTokenizerFast",
    }
    return _write_tokenizer(folder, tokenizer, names, classes[like])


def write_open_provence(
    folder: Path, base: str = "modernbert", *, older: bool = False, seed: int = 0, **settings
) -> Path:
    """Write a checkpoint of Open Provence.

    Args:
        folder: Where to.
        base: The encoder, a key of ``BASES``.
        older: Without ``ranking_model.`` before the names of the ranking model, as the first ones were.
        seed: Of the weights.
        **settings: Of config.json; those of ``base_model_config`` are merged.
    """
    if base == "xlm-roberta":
        vocabulary = write_unigram(folder, like="xlm-r")
    elif base == "deberta-v2":
        vocabulary = write_unigram(folder, like="deberta")
    else:
        vocabulary = write_wordpiece(
            folder, {"bert": "BertTokenizer", "modernbert": "PreTrainedTokenizerFast"}[base]
        )
    encoder = BASES[base] | {"vocab_size": vocabulary} | settings.pop("base_model_config", {})
    model = ranking_model(encoder, labels=1)
    prefix = "" if older else "ranking_model."
    weights = {prefix + name: value for name, value in random_weights(model, seed).items()}
    weights |= linear("pruning_head.classifier", 2, encoder["hidden_size"], seed + 1)
    config = {
        "architectures": ["OpenProvenceForSequenceClassification"],
        "auto_map": {
            "AutoConfig": _REMOTE + "OpenProvenceConfig",
            "AutoModel": _REMOTE + "OpenProvenceForSequenceClassification",
            "AutoModelForSequenceClassification": _REMOTE + "OpenProvenceForSequenceClassification",
            "AutoModelForTokenClassification": _REMOTE + "OpenProvenceForTokenClassification",
        },
        "base_model_config": encoder,
        "base_model_name_or_path": "somebody/reranker",
        "default_threadshold": None,
        "encoder_architecture": base,
        "hidden_size": encoder["hidden_size"],
        "max_length": 64,
        "mode": "reranking_pruning",
        "model_type": "open_provence",
        "num_labels": 1,
        "num_pruning_labels": 2,
        "pruning_config": {
            "classifier_dropout": 0.0,
            "hidden_size": encoder["hidden_size"],
            "num_labels": 2,
            "sentence_pooling": "mean",
            "use_weighted_pooling": False,
        },
        "tokenizer_name_or_path": None,
        "vocab_size": vocabulary,
    }
    return write(folder, config | settings, weights)


def write_zilliz(folder: Path, *, seed: int = 2, **settings) -> Path:
    """Write a checkpoint of zilliz: Open Provence's layout, XLM-R with 8,192 positions."""
    settings = {"base_model_config": {"max_position_embeddings": 8194}} | settings
    return write_open_provence(folder, "xlm-roberta", seed=seed, **settings)


def write_provence(folder: Path, *, labels: int = 1, seed: int = 0) -> Path:
    """Write a checkpoint of Provence."""
    vocabulary = write_unigram(folder, like="deberta")
    encoder = BASES["deberta-v2"] | {"vocab_size": vocabulary}
    weights = random_weights(ranking_model(encoder, labels=labels), seed)
    weights |= linear("token_classifier", 2, encoder["hidden_size"], seed + 1)
    config = encoder | {
        "architectures": ["Provence"],
        "auto_map": {
            "AutoConfig": "modeling_provence.ProvenceConfig",
            "AutoModel": "modeling_provence.Provence",
        },
        "model_type": "Provence",
    }
    return write(folder, config, weights)


def write_xprovence(folder: Path, *, ranking: str = "deep", seed: int = 0) -> Path:
    """Write a checkpoint as XProvence's may be: with a ``deep``, ``pooled`` or ``single`` ranking head."""
    vocabulary = write_unigram(folder, like="xlm-r")
    encoder = BASES["xlm-roberta"] | {"vocab_size": vocabulary}
    size = encoder["hidden_size"]
    weights = random_weights(ranking_model(encoder, labels=1), seed)
    weights |= linear("token_classifier", 2, size, seed + 1)
    if ranking != "deep":
        weights = {name: value for name, value in weights.items() if not name.startswith("classifier.")}
        weights |= linear("rank_head", 1, size, seed + 2)
    if ranking == "pooled":
        weights |= linear("roberta.pooler.dense", size, size, seed + 3)
    config = encoder | {
        "architectures": ["XProvence"],
        "auto_map": {"AutoModel": "modeling_xprovence_hf.XProvence"},
        "model_type": "XProvence",
    }
    return write(folder, config, weights)


def write_opensearch(folder: Path, *, seed: int = 5) -> Path:
    """Write a checkpoint of OpenSearch's highlighter, BERT's unused pooler with it."""
    encoder = BASES["bert"] | {"vocab_size": write_wordpiece(folder, "BertTokenizer")}
    weights = random_weights(ranking_model(encoder, labels=2), seed)
    return write(folder, encoder | {"architectures": ["BertTaggerForSentenceExtractionWithBackoff"]}, weights)


def ranking_model(encoder: dict, *, labels: int):
    """Build transformers' own sequence classifier for an encoder's configuration."""
    import transformers

    values = {key: value for key, value in encoder.items() if key != "model_type"}
    config = transformers.AutoConfig.for_model(encoder["model_type"], **values, num_labels=labels)
    return getattr(transformers, _CLASSES[encoder["model_type"]])(config).eval()


def random_weights(module, seed: int) -> dict:
    """Random values for every weight, with norms and biases that do not look freshly made."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, value in sorted(module.state_dict().items()):
        noise = torch.randn(value.shape, generator=generator)
        norm = value.ndim == 1 and name.endswith("weight")
        weights[name] = 1.0 + 0.4 * noise if norm else 0.25 * noise
    return weights


def linear(name: str, outputs: int, inputs: int, seed: int) -> dict:
    """Random weights of a linear layer."""
    import torch

    return {
        f"{name}.{key}": value
        for key, value in random_weights(torch.nn.Linear(inputs, outputs), seed).items()
    }


def write(folder: Path, config: dict, weights: dict) -> Path:
    """Write ``config.json`` and ``model.safetensors``."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def _write_tokenizer(folder: Path, tokenizer, names: dict[str, str], tokenizer_class: str) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    # As many published files do, they ask for truncation and padding, which a loader has to undo.
    tokenizer.enable_truncation(6)
    tokenizer.enable_padding(length=6, pad_token=names["pad"], pad_id=tokenizer.token_to_id(names["pad"]))
    tokenizer.save(str(folder / "tokenizer.json"))
    tokens = {f"{role}_token": token for role, token in names.items()}
    settings = tokens | {"tokenizer_class": tokenizer_class, "model_max_length": 64}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    (folder / "special_tokens_map.json").write_text(json.dumps(tokens), encoding="utf-8")
    return tokenizer.get_vocab_size()
