"""XProvence: XLM-R with a ranking head and a head on every token, whose names are told by their shapes.

The publisher's code was at hand for Provence alone (see ``provence.py``). What is taken over from there, and
which weights are taken for which head, is said in ``Traits.notes``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from semantic_highlight.errors import CheckpointError
from semantic_highlight.models.family import LoadedCheckpoint, Source, Traits
from semantic_highlight.models.layout import read_tokenizer, template_layout
from semantic_highlight.models.weights import fill, place

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

_BODY, _POOLER = "roberta.", "roberta.pooler."
_PARTS = ("dense", "out_proj")


@dataclass(frozen=True, slots=True)
class _Heads:
    """Names of the heads: ``ranking`` holds ``dense`` and ``out_proj`` if it is ``deep``, else one layer."""

    token: str
    ranking: str
    deep: bool


class XProvence:
    """naver/xprovence-reranker-bgem3-v1 and -v2, and their descendants."""

    name = "xprovence"
    description = "roberta.*, one plain layer with two outputs, and a ranking head"
    licence: str | None = "cc-by-nc-nd-4.0"

    def matches(self, source: Source) -> bool:
        """Whether it has one head with two outputs on every token and a ranking head on XLM-R."""
        return any(key.startswith(_BODY) for key in source.shapes) and _heads(source.shapes) is not None

    def load(self, source: Source, *, device: torch.device, dtype: torch.dtype) -> LoadedCheckpoint:
        """Load encoder and both heads."""
        from semantic_highlight.models.backbones import BACKBONES, positions, token_head

        heads = _heads(source.shapes)
        if heads is None:
            raise CheckpointError(f"{source.name!r} has no heads of XProvence")
        backbone = BACKBONES["xlm-roberta"]
        last = f"{heads.ranking}.out_proj" if heads.deep else heads.ranking
        model = backbone.build(source.config, labels=source.shapes[f"{last}.weight"][0])
        model.token_head = token_head(model.config)
        tokenizer = read_tokenizer(source.folder, most=model.config.vocab_size)
        layout = template_layout(source.folder, tokenizer, context_type=backbone.context_type(model.config))
        fill(model, source, _names(model, source.shapes, heads))
        network = backbone.network(model, model.token_head)
        traits = Traits(
            family=self.name,
            name=source.name,
            layout=layout,
            max_length=positions(model.config),
            default_threshold=0.3,  # the model card; 0.7 prunes more
            pooling="probability",
            sentences_apart=False,
            normalise_query=False,
            backoff=None,
            licence=source.licence,
            notes=(
                f"by their shapes, {heads.token} was taken for the token head, {heads.ranking} for ranking",
                "as in Provence, the second output of the token head is keep; the query is not normalised",
            ),
        )
        return LoadedCheckpoint(place(network, device=device, dtype=dtype), tokenizer, traits)


def _heads(shapes: Mapping[str, tuple[int, ...]]) -> _Heads | None:
    """Tell the heads by their shapes; None unless there is exactly one of each and nothing else."""
    layers = {
        name.removesuffix(".weight"): shape[0]
        for name, shape in shapes.items()
        if name.endswith(".weight") and len(shape) == 2 and not name.startswith(_BODY)
    }
    deep = [
        stem
        for stem in {name.rpartition(".")[0] for name in layers}
        if {f"{stem}.{part}" for part in _PARTS} <= layers.keys()
    ]
    plain = {name: size for name, size in layers.items() if name.rpartition(".")[0] not in deep}
    token = [name for name, size in plain.items() if size == 2]
    single = [name for name, size in plain.items() if size == 1]
    if len(token) != 1 or len(deep) + len(single) != 1:
        return None
    return _Heads(token[0], (deep + single)[0], bool(deep))


def _names(model: PreTrainedModel, shapes: Mapping[str, tuple[int, ...]], heads: _Heads) -> dict[str, str]:
    """Map names in the checkpoint to those of the network; a shallow ranking head is built for it."""
    names = {key: key for key in shapes}
    if heads.deep:
        places = {f"{heads.ranking}.{part}": f"classifier.{part}" for part in _PARTS}
        names = {key: name for key, name in names.items() if not key.startswith(_POOLER)}
    else:
        places = _shallow(model, shapes, heads)
    places[heads.token] = "token_head"
    for old, new in places.items():
        names |= {
            f"{old}.{leaf}": f"{new}.{leaf}" for leaf in ("weight", "bias") if f"{old}.{leaf}" in shapes
        }
    return names


def _shallow(model: PreTrainedModel, shapes: Mapping[str, tuple[int, ...]], heads: _Heads) -> dict[str, str]:
    """Build a ranking head of one layer, behind XLM-R's pooler where the checkpoint has one."""
    from torch import nn

    from semantic_highlight.models.backbones import Unallocated

    size = model.config.hidden_size
    with Unallocated():
        layers = [nn.Flatten(1), nn.Linear(size, 1)]
        if any(key.startswith(_POOLER) for key in shapes):
            layers[1:1] = [nn.Linear(size, size), nn.Tanh()]
        model.classifier = nn.Sequential(*layers)
    places = {heads.ranking: f"classifier.{len(layers) - 1}"}
    if len(layers) > 2:
        places[f"{_POOLER}dense"] = "classifier.1"
    return places
