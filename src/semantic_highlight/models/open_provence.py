"""Open Provence: a ranking model with a pruning head on its last hidden state.

Layout and formulas: github.com/hotchpotch/open_provence at 9635cbc, modeling_open_provence_standalone.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from semantic_highlight.models.family import LoadedCheckpoint, Source, Traits
from semantic_highlight.models.layout import joined_layout, read_tokenizer
from semantic_highlight.models.source import number
from semantic_highlight.models.weights import fill, place

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig

_HEAD = "pruning_head.classifier.weight"
_RANKING, _PRUNING = "ranking_model.", "pruning_head."
# Declared by the publisher's code and read by none of it.
_UNUSED = "pruning_head.pooling_weights."


class OpenProvence:
    """Checkpoints of hotchpotch/open_provence, on ModernBERT, BERT, XLM-R or DeBERTa."""

    name = "open_provence"
    description = "pruning_head.classifier.* beside a ranking model whose names may begin with ranking_model."
    licence: str | None = None
    threshold = 0.1  # DEFAULT_PROCESS_THRESHOLD, where config.json says nothing
    ranked = True

    def matches(self, source: Source) -> bool:
        """Whether it has a pruning head."""
        return _HEAD in source.shapes

    def load(self, source: Source, *, device: torch.device, dtype: torch.dtype) -> LoadedCheckpoint:
        """Load ranking model and pruning head; ModernBERT's token states are taken before its final norm."""
        from torch import nn

        from semantic_highlight.models.backbones import backbone_of, token_head

        backbone = backbone_of(source)
        model = backbone.build(
            source.config["base_model_config"], labels=int(number(source, "num_labels", 1, low=1))
        )
        holder, holder.pruning_head = nn.Module(), nn.Module()
        holder.ranking_model, holder.pruning_head.classifier = model, token_head(model.config)
        tokenizer = read_tokenizer(source.folder, most=model.config.vocab_size)
        layout = joined_layout(source.folder, tokenizer, context_type=backbone.context_type(model.config))
        fill(holder, source, _names(source.shapes))
        network = backbone.network(model, holder.pruning_head.classifier, ranked=self.ranked)
        traits = Traits(
            family=self.name,
            name=source.name,
            layout=layout,
            max_length=self.window(source, model.config),
            default_threshold=self._threshold(source),
            pooling="probability",
            sentences_apart=True,
            normalise_query=False,
            backoff=None,
            licence=source.licence,
            notes=self.notes(source),
        )
        return LoadedCheckpoint(place(network, device=device, dtype=dtype), tokenizer, traits)

    def window(self, source: Source, config: PretrainedConfig) -> int:
        """Return the tokens of a window: ``max_length``, 512 by default, as far as positions reach."""
        from semantic_highlight.models.backbones import positions

        return min(int(number(source, "max_length", 512, low=16)), positions(config))

    def notes(self, source: Source) -> tuple[str, ...]:  # noqa: ARG002 - for families that build on this one
        """Return what was assumed."""
        return ()

    def _threshold(self, source: Source) -> float:
        # The misspelt key is the publisher's own; its code reads the other as well.
        spelt = (
            "default_threadshold"
            if source.config.get("default_threadshold") is not None
            else "default_threshold"
        )
        return number(source, spelt, self.threshold, low=0.0, high=1.0)


def _names(keys: Iterable[str]) -> dict[str, str]:
    """Map names in the checkpoint to those of today: older checkpoints leave ``ranking_model.`` out."""
    older = not any(key.startswith(_RANKING) for key in keys)
    return {
        key: _RANKING + key if older and not key.startswith(_PRUNING) else key
        for key in keys
        if not key.startswith(_UNUSED)
    }
