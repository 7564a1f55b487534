"""The options that subcommands share."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from semantic_highlight.highlighter import Highlighter
from semantic_highlight.types import BUNDLED

LEXICAL = "lexical"

Model = Annotated[
    str, typer.Option(help=f"What scores: {BUNDLED}, {LEXICAL} (BM25, no model), a folder or a hub id.")
]


def make_highlighter(model: str, **options: Any) -> Highlighter:
    """Make the highlighter that ``--model`` names.

    Args:
        model: ``bundled``, ``lexical``, a folder or a Hugging Face id.
        **options: Of :class:`~semantic_highlight.Highlighter`.

    Raises:
        SemanticHighlightError: If it cannot be made.
    """
    if model == LEXICAL:
        return Highlighter.lexical(**options)
    return Highlighter.from_pretrained(model, **options)
