"""Provence: DeBERTa-v3 with a ranking head and a head on every token.

Layout and formulas: github.com/naver/bergen at 1b0ee2c, scripts/provence/modeling_provence.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from semantic_highlight.models.family import LoadedCheckpoint, Source, Traits
from semantic_highlight.models.layout import read_tokenizer, template_layout
from semantic_highlight.models.weights import fill, place

if TYPE_CHECKING:
    import torch


class Provence:
    """naver/provence-reranker-debertav3-v1 and its descendants."""

    name = "provence"
    description = "deberta.*, pooler.dense.*, classifier.* and token_classifier.*"
    licence: str | None = "cc-by-nc-nd-4.0"

    def matches(self, source: Source) -> bool:
        """Whether it has a token classifier and a ranking head on DeBERTa."""
        heads = {"token_classifier.weight", "classifier.weight"}
        return heads <= source.shapes.keys() and any(key.startswith("deberta.") for key in source.shapes)

    def load(self, source: Source, *, device: torch.device, dtype: torch.dtype) -> LoadedCheckpoint:
        """Load encoder and both heads."""
        from semantic_highlight.models.backbones import BACKBONES, positions, token_head

        backbone = BACKBONES["deberta-v2"]
        # The publisher reads the first output of the ranking head, however many it has.
        model = backbone.build(source.config, labels=source.shapes["classifier.weight"][0])
        model.token_classifier = token_head(model.config)
        tokenizer = read_tokenizer(source.folder, most=model.config.vocab_size)
        layout = template_layout(source.folder, tokenizer, context_type=backbone.context_type(model.config))
        fill(model, source, {key: key for key in source.shapes})
        network = backbone.network(model, model.token_classifier)
        traits = Traits(
            family=self.name,
            name=source.name,
            layout=layout,
            max_length=positions(model.config),
            default_threshold=0.1,  # the publisher's default; 0.5 prunes more
            pooling="probability",
            sentences_apart=False,
            normalise_query=True,
            backoff=None,
            licence=source.licence,
        )
        return LoadedCheckpoint(place(network, device=device, dtype=dtype), tokenizer, traits)
