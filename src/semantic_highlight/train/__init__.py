"""The way to a model: build a base, train it on labelled records, calibrate and export it.

Importing this loads nothing heavy; its names load what they need when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from semantic_highlight.errors import MissingExtraError

if TYPE_CHECKING:
    from semantic_highlight.train.average import average_models
    from semantic_highlight.train.config import TrainConfig, load_config
    from semantic_highlight.train.recipe import run_recipe
    from semantic_highlight.train.run import run_training

__all__ = ["TrainConfig", "average_models", "load_config", "run_recipe", "run_training"]

_HOMES = {
    "TrainConfig": "config",
    "average_models": "average",
    "load_config": "config",
    "run_recipe": "recipe",
    "run_training": "run",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = import_module(f"{__name__}.{_HOMES[name]}")
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "a library", "train") from error
    return getattr(module, name)
