"""Checkpoints of other families in this package's layout: one config.json for all, our own weight names.

``config.json`` holds what is known of the checkpoint (``Traits``), the encoder's settings and which ranking
head it has. ``model.safetensors`` holds the network's weights by the names that they have in it. Where
``convert --onnx`` was asked for, ``model.onnx`` holds the same network for ONNX Runtime.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from semantic_highlight.errors import CheckpointError, InputError
from semantic_highlight.models.family import LoadedCheckpoint, PairLayout, Source, Traits
from semantic_highlight.models.files import CONFIG_NAME, ONNX_NAME, TOKENIZER_NAME, WEIGHTS_NAME
from semantic_highlight.models.layout import read_tokenizer
from semantic_highlight.models.pair_scorer import PairModel
from semantic_highlight.models.source import check_licence, read_json
from semantic_highlight.models.weights import fill, place

if TYPE_CHECKING:
    import torch
    from torch import nn

    from semantic_highlight.models.network import PairNetwork, RankingHead

PAIR_MODEL_TYPE = "semantic_highlight_pair"
RankingKind = Literal["encoder", "linear", "pooled"]
"""The ranking head: the one of the encoder's own sequence classifier, one plain layer, or two."""


class Converted:
    """What :func:`write_checkpoint` wrote."""

    name = "converted"
    description = f"model_type {PAIR_MODEL_TYPE!r}: what semantic-highlight convert writes"
    licence: str | None = None

    def matches(self, source: Source) -> bool:
        """Whether config.json says so."""
        return source.config.get("model_type") == PAIR_MODEL_TYPE

    def load(self, source: Source, *, device: torch.device, dtype: torch.dtype) -> LoadedCheckpoint:
        """Load the network and the traits of the family that it was converted from."""
        from semantic_highlight.models.backbones import BACKBONES, token_head

        traits, settings = read_traits(source.config), source.config.get("encoder")
        if not isinstance(settings, Mapping) or settings.get("model_type") not in BACKBONES:
            raise CheckpointError(
                f"config.json of {source.name!r} names none of the encoders {', '.join(BACKBONES)}"
            )
        backbone = BACKBONES[str(settings["model_type"])]
        model = backbone.build(settings, labels=int(source.config.get("labels", 1)))
        ranking = source.config.get("ranking")
        network = backbone.network(model, token_head(model.config), ranked=ranking is not None)
        if ranking in {"linear", "pooled"}:
            network.ranking = _plain_head(model.config.hidden_size, pooled=ranking == "pooled")
        fill(network, source, {name: name for name in source.shapes})
        tokenizer = read_tokenizer(source.folder, most=model.config.vocab_size)
        return LoadedCheckpoint(place(network, device=device, dtype=dtype), tokenizer, traits)


def read_traits(config: Mapping[str, Any]) -> Traits:
    """Return the traits in a ``config.json`` of this layout.

    Raises:
        CheckpointError: If they are not whole.
    """
    try:
        values = dict(config["traits"])
        layout = dict(values.pop("layout"))
        layout |= {name: tuple(layout[name]) for name in ("before", "between", "after")}
        return Traits(**values | {"layout": PairLayout(**layout), "notes": tuple(values["notes"])})
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{CONFIG_NAME} has no whole 'traits': {error!r}; convert it again") from error


def is_exported(folder: Path) -> bool:
    """Whether a folder holds a converted checkpoint that runs on ONNX Runtime."""
    return (folder / ONNX_NAME).is_file() and read_json(folder / CONFIG_NAME).get(
        "model_type"
    ) == PAIR_MODEL_TYPE


def load_onnx_model(folder: Path, *, accept_license: str | None = None) -> PairModel:
    """Make what runs a converted checkpoint on ONNX Runtime, without torch.

    Args:
        folder: The checkpoint.
        accept_license: The licence of weights for non-commercial use, or its beginning.

    Raises:
        CheckpointError: If a file is missing or broken, or the licence is not accepted.
    """
    from semantic_highlight.models.pair_onnx import OnnxPairEngine

    config = read_json(folder / CONFIG_NAME)
    traits = read_traits(config)
    check_licence(traits.name, traits.licence, accept_license)
    tokenizer = read_tokenizer(folder, most=config.get("encoder", {}).get("vocab_size", 0))
    return PairModel(OnnxPairEngine(folder / ONNX_NAME), tokenizer, traits)


def write_checkpoint(loaded: LoadedCheckpoint, source: Source, folder: Path) -> None:
    """Write a loaded checkpoint in this package's layout.

    Args:
        loaded: From the family that it is of.
        source: The same as it was read.
        folder: To write; empty, or not there yet.

    Raises:
        InputError: If the folder holds something already.
        CheckpointError: If its network is none that this layout can describe.
    """
    from safetensors.torch import save_file

    from semantic_highlight.models.network import PairNetwork

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} holds something already: give a folder that is empty or new")
    network = loaded.network
    if not isinstance(network, PairNetwork):
        raise CheckpointError(
            f"a {type(network).__name__} of the family {loaded.traits.family} stays as it is"
        )
    folder.mkdir(parents=True, exist_ok=True)
    save_file({k: v.contiguous().cpu() for k, v in network.state_dict().items()}, folder / WEIGHTS_NAME)
    loaded.tokenizer.save(str(folder / TOKENIZER_NAME))
    content = _config(network, loaded.traits, source)
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    (folder / CONFIG_NAME).write_text(text, encoding="utf-8")
    (folder / "README.md").write_text(_card(loaded.traits), encoding="utf-8")


def _config(network: PairNetwork, traits: Traits, source: Source) -> dict[str, Any]:
    body: Any = network.body
    # The publisher's settings: what this version of transformers makes of them, another might not take.
    settings = dict(source.config.get("base_model_config") or source.config.get("encoder") or source.config)
    return {
        "model_type": PAIR_MODEL_TYPE,
        "traits": asdict(traits),
        "ranking": _kind(network.ranking),
        "labels": body.config.num_labels,
        "encoder": settings | {"model_type": body.config.model_type},
    }


def _card(traits: Traits) -> str:
    front = f"---\nlicense: {traits.licence}\n---\n\n" if traits.licence else ""
    notes = "".join(f"- {note}\n" for note in traits.notes)
    return f"{front}# {traits.name}\n\nConverted from the layout of the family {traits.family}.\n{notes}"


def _kind(head: RankingHead | None) -> RankingKind | None:
    from torch import nn

    if head is None:
        return None
    layers = list(head.layers) if isinstance(head.layers, nn.Sequential) else [head.layers]
    if not all(isinstance(layer, nn.Flatten | nn.Linear | nn.Tanh) for layer in layers):
        return "encoder"
    return "pooled" if any(isinstance(layer, nn.Tanh) for layer in layers) else "linear"


def _plain_head(size: int, *, pooled: bool) -> RankingHead:
    from torch import nn

    from semantic_highlight.models.backbones import Unallocated
    from semantic_highlight.models.network import RankingHead

    with Unallocated():
        pooler: list[nn.Module] = [nn.Linear(size, size), nn.Tanh()] if pooled else []
        return RankingHead(nn.Sequential(nn.Flatten(1), *pooler, nn.Linear(size, 1)))
