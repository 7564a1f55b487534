"""Checkpoints and the engines that run them."""

from __future__ import annotations

from pathlib import Path

from semantic_highlight.errors import CheckpointError
from semantic_highlight.models.checkpoint import ONNX_NAME
from semantic_highlight.models.onnx import OnnxEngine
from semantic_highlight.models.token_scorer import TokenScorer
from semantic_highlight.types import BUNDLED, Scorer

__all__ = ["load_scorer"]

BUNDLED_FOLDER = Path(__file__).parent / "bundled"


def load_scorer(checkpoint: str | Path = BUNDLED) -> Scorer:
    """Make the scorer of a checkpoint; its weights load at the first score.

    Args:
        checkpoint: A model folder, or ``"bundled"`` for the model that ships with the package.

    Raises:
        CheckpointError: If the folder is missing or is not a checkpoint.
    """
    folder = BUNDLED_FOLDER if checkpoint == BUNDLED else Path(checkpoint)
    if not folder.is_dir():
        raise CheckpointError(
            f"{checkpoint!s} is no model folder: give one, or {BUNDLED!r} for the model of this package; "
            "Highlighter.lexical() needs none"
        )
    return TokenScorer(folder, _onnx_engine)


def _onnx_engine(folder: Path) -> OnnxEngine:
    return OnnxEngine(folder / ONNX_NAME)
