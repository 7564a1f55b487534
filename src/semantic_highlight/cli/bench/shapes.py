"""The networks that ``semantic-highlight bench`` can time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shape:
    """An architecture of transformers and its sizes.

    Attributes:
        name: What ``--shape`` takes.
        config: Its configuration class.
        model: Its class.
        layers: Number of layers.
        width: Hidden size; the layers in between are four times as wide.
        heads: Attention heads.
        vocabulary: Rows of the embedding table, at least; the tokenizer may have more.
        doubled: Whether two separators stand between query and context, as in XLM-R.
    """

    name: str
    config: str
    model: str
    layers: int
    width: int
    heads: int
    vocabulary: int = 0
    doubled: bool = False

    def flops(self, lengths: list[int]) -> float:
        """Return the floating-point operations of the matrix products for windows of these lengths."""
        # A layer has 12 width^2 weights, two operations each a token, and attends with 4 width a pair.
        dense = 24 * self.layers * self.width**2 * sum(lengths)
        return dense + 4.0 * self.layers * self.width * sum(length**2 for length in lengths)


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("tiny", "BertConfig", "BertModel", layers=2, width=32, heads=4),
        Shape("minilm", "BertConfig", "BertModel", layers=12, width=384, heads=12),
        Shape(
            "xlmr-large",
            "XLMRobertaConfig",
            "XLMRobertaModel",
            layers=24,
            width=1024,
            heads=16,
            vocabulary=250_002,
            doubled=True,
        ),
    )
}
