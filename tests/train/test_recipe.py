from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("onnx")

from semantic_highlight.errors import InputError, MissingExtraError
from semantic_highlight.models import load_scorer
from semantic_highlight.splitting import split
from semantic_highlight.train import recipe
from semantic_highlight.train.calibrate import CalibrateConfig
from semantic_highlight.train.config import AdaptConfig, TrainConfig
from semantic_highlight.train.recipe import RECIPES, BaseConfig, ExportConfig, run_recipe
from semantic_highlight.train.toml import read_toml


def write(folder, name, text):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


@pytest.fixture
def toy_recipe(toy_files, tmp_path):
    """A recipe from a base that is there to an exported model."""
    folder, runs = tmp_path / "recipe", tmp_path / "runs"
    write(folder, "base.toml", f'cedict = "nowhere"\nout = "{toy_files}/base"\n')
    common = f'base = "{toy_files}/base"\nbatch_tokens = 256\npool = 16\ntokens = 1500\n'
    write(
        folder,
        "adapt.toml",
        f'{common}data_dir = "{tmp_path}"\nout = "{runs}/adapted"\nlength = 32\n'
        '[[texts]]\npath = "text.txt"\n',
    )
    write(
        folder,
        "train.toml",
        f'{common}data_dir = "{toy_files}"\nout = "{runs}/train"\nmax_length = 64\nquery_tokens = 16\n'
        '[[sources]]\npath = "toy.jsonl.gz"\nweight = 1\n',
    )
    write(
        folder,
        "calibrate.toml",
        f'model = "{runs}/train/model"\ndata_dir = "{toy_files}"\nout = "{runs}/calibrated"\n'
        '[[evaluation]]\npath = "dev.jsonl.gz"\n',
    )
    write(folder, "export.toml", f'model = "{runs}/calibrated"\nout = "{runs}/export"\n')
    (tmp_path / "text.txt").write_text("the battery lasts ten hours.\n" * 50)
    return folder


def test_a_recipe_ends_in_a_model_that_runs_without_torch(toy_recipe, tmp_path):
    folder = run_recipe(toy_recipe)
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.onnx", "tokenizer.json"}
    scorer = load_scorer(folder)
    report = json.loads((tmp_path / "runs" / "calibrated" / "calibration.json").read_text())
    assert scorer.default_threshold == report["default_threshold"]
    text = "the battery lasts ten hours. the door is red."
    (document,) = scorer.score("how long", [text], [split(text)])
    assert len(document.sentences) == 2
    assert not (tmp_path / "runs" / "adapted").exists()


def test_stages_that_are_done_are_skipped(toy_recipe, monkeypatch):
    run_recipe(toy_recipe)
    for name in ("make_base", "run_training", "calibrate", "export_model"):
        monkeypatch.setattr(recipe, name, lambda *_, **__: pytest.fail("it ran again"))
    run_recipe(toy_recipe)


def test_an_output_whose_writer_died_between_two_names_is_taken(toy_recipe, tmp_path, monkeypatch):
    run_recipe(toy_recipe)
    (tmp_path / "runs" / "calibrated").rename(tmp_path / "runs" / "calibrated.old")
    monkeypatch.setattr(recipe, "calibrate", lambda *_, **__: pytest.fail("it ran again"))
    run_recipe(toy_recipe)
    assert (tmp_path / "runs" / "calibrated").is_dir()


def test_with_adaptation_training_starts_from_what_it_gives(toy_recipe, tmp_path, monkeypatch):
    class SeenError(Exception):
        pass

    def train(config, **_):
        raise SeenError(config.base)

    monkeypatch.setattr(recipe, "run_training", train)
    with pytest.raises(SeenError, match="adapted/model"):
        run_recipe(toy_recipe, adapt=True)
    assert (tmp_path / "runs" / "adapted" / "model" / "model.safetensors").is_file()


def test_a_bad_stage_is_named_before_the_first_runs(toy_recipe, monkeypatch):
    write(toy_recipe, "export.toml", 'model = "m"\nout = "o"\nkeeep = []\n')
    monkeypatch.setattr(recipe, "run_training", lambda *_, **__: pytest.fail("it ran"))
    with pytest.raises(
        InputError, match=r"export\.toml: line 3, field keeep is unknown: did you mean keep\?"
    ):
        run_recipe(toy_recipe)


def test_the_shipped_recipe_fits_together():
    base = read_toml(RECIPES / "base.toml", BaseConfig)
    adapt = read_toml(RECIPES / "adapt.toml", AdaptConfig)
    train = read_toml(RECIPES / "train.toml", TrainConfig)
    calibrate = read_toml(RECIPES / "calibrate.toml", CalibrateConfig)
    export = read_toml(RECIPES / "export.toml", ExportConfig)
    assert base.out == adapt.base == train.base
    assert calibrate.model == f"{train.out}/model"
    assert export.model == calibrate.out
    # Documents that training saw choose no threshold.
    held_out = {source.path: source.hold_out for source in train.sources}
    for evaluation in (*train.evaluation, *calibrate.evaluation):
        assert evaluation.hold_out == held_out.get(evaluation.path, 0.0), evaluation.path
        assert evaluation.path not in held_out or evaluation.hold_out > 0
    assert len({Path(path).name for path in (base.out, adapt.out, train.out, calibrate.out, export.out)}) == 5


def test_a_package_that_is_not_installed_is_named(tmp_path):
    config = BaseConfig(source="package:no_such_package/model", cedict="c", out=str(tmp_path / "base"))
    with pytest.raises(MissingExtraError, match=r"no_such_package .*\[train\]"):
        recipe.make_base(config)
