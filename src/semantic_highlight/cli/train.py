"""``semantic-highlight train``."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from semantic_highlight.errors import InputError

Config = Annotated[
    Path,
    typer.Argument(help="A TOML configuration of one run, or a folder with one for each stage of a recipe."),
]
Teacher = Annotated[
    list[str] | None,
    typer.Option(help="A model to distil: a folder or 'bundled'. Several are averaged."),
]
Adapt = Annotated[
    bool, typer.Option("--adapt", help="With a folder: adapt the base to plain text before it is trained.")
]


def train(config: Config, teacher: Teacher = None, adapt: Adapt = False) -> None:
    """Train a model and print its folder. A run that was interrupted goes on where it stopped.

    A folder is a recipe: base.toml, adapt.toml, train.toml, calibrate.toml and export.toml, run in order.
    A stage whose output is there is skipped. The bundled model's, as it is now, is
    semantic_highlight/train/recipes.
    """
    from semantic_highlight.models import load_scorer
    from semantic_highlight.train import load_config, run_recipe, run_training

    if adapt and not config.is_dir():
        raise InputError(f"--adapt is for a recipe, and {config} is no folder")
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    logging.getLogger("semantic_highlight").setLevel(logging.INFO)
    teachers = [load_scorer(name) for name in teacher or []]
    if config.is_dir():
        finished = run_recipe(config, adapt=adapt, teachers=teachers)
    else:
        finished = run_training(load_config(config), teachers=teachers)
    typer.echo(finished)
