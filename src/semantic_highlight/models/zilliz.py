"""zilliz/semantic-highlight-bilingual-v1: Open Provence's layout on bge-reranker-v2-m3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from semantic_highlight.models.family import Source
from semantic_highlight.models.open_provence import OpenProvence

if TYPE_CHECKING:
    from transformers import PretrainedConfig

_POSITIONS = "roberta.embeddings.position_embeddings.weight"
# 8,192 and the two that XLM-R leaves out; the XLM-R of other pruners reaches 512.
_LEAST_POSITIONS = 8194


class Zilliz(OpenProvence):
    """Checkpoints of zilliz, told from Open Provence's by XLM-R's long table of positions."""

    name = "zilliz"
    description = "pruning_head.classifier.* on XLM-R with 8,192 positions"
    licence: str | None = None
    threshold = 0.5  # its model card
    ranked = False

    def matches(self, source: Source) -> bool:
        """Whether it has a pruning head on an XLM-R with a long table of positions."""
        tables = [shape for name, shape in source.shapes.items() if name.endswith(_POSITIONS)]
        return super().matches(source) and any(shape[0] >= _LEAST_POSITIONS for shape in tables)

    def window(self, source: Source, config: PretrainedConfig) -> int:  # noqa: ARG002 - the parent's signature
        """Return the tokens of a window: as far as positions reach, whatever ``max_length`` says."""
        from semantic_highlight.models.backbones import positions

        return positions(config)

    def notes(self, source: Source) -> tuple[str, ...]:
        """Return what was assumed."""
        stated = source.config.get("max_length")
        return (
            "its ranking head, which was not trained with the encoder, is not used",
            f"its whole window is used; config.json has max_length {stated}",
        )
