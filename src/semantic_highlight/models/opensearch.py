"""OpenSearch's semantic highlighter: BERT, and a classifier on the mean token state of every sentence.

Layout and formulas: github.com/opensearch-project/opensearch-py-ml,
opensearch_py_ml/ml_models/semantic_highlighter_model.py. Its classifier is linear, so the logits of a mean
state are the mean logits of the tokens, and it runs as a token head.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from semantic_highlight.models.family import LoadedCheckpoint, Source, Traits
from semantic_highlight.models.layout import read_tokenizer, template_layout
from semantic_highlight.models.weights import fill, place

if TYPE_CHECKING:
    import torch

_HEADS = {"classifier.weight", "classifier.bias"}
_POOLER = "bert.pooler."


class OpenSearch:
    """opensearch-project/opensearch-semantic-highlighter-v1 and its descendants."""

    name = "opensearch"
    description = (
        "bert.* and classifier.* with two outputs, in an architecture that is none of transformers' own"
    )
    licence: str | None = None

    def matches(self, source: Source) -> bool:
        """Whether it is a BERT with a two-way classifier.

        An ordinary text or token classifier has the same names and another meaning. ``architectures`` in
        config.json tells them apart: transformers' own begin with ``BertFor``.
        """
        classes = [str(name) for name in source.config.get("architectures") or ()]
        theirs = bool(classes) and not any(name.startswith("BertFor") for name in classes)
        heads = {key for key in source.shapes if not key.startswith("bert.")}
        return theirs and heads == _HEADS and source.shapes["classifier.weight"][0] == 2

    def load(self, source: Source, *, device: torch.device, dtype: torch.dtype) -> LoadedCheckpoint:
        """Load encoder and classifier; BERT's pooler is no part of its formula."""
        from semantic_highlight.models.backbones import BACKBONES, positions

        backbone = BACKBONES["bert"]
        model: Any = backbone.build(source.config, labels=2)
        tokenizer = read_tokenizer(source.folder, most=model.config.vocab_size)
        layout = template_layout(source.folder, tokenizer, context_type=backbone.context_type(model.config))
        model.bert.pooler = None
        fill(model, source, {key: key for key in source.shapes if not key.startswith(_POOLER)})
        network = backbone.network(model, model.classifier, ranked=False)
        traits = Traits(
            family=self.name,
            name=source.name,
            layout=layout,
            max_length=positions(model.config),
            default_threshold=0.5,
            pooling="logit",
            sentences_apart=False,
            normalise_query=False,
            backoff=0.05,  # alpha in the publisher's code
            licence=source.licence,
        )
        return LoadedCheckpoint(place(network, device=device, dtype=dtype), tokenizer, traits)
