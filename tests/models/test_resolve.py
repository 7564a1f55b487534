"""Folders and hub ids, without a network: the cache is written here as the hub's library lays it out."""

from __future__ import annotations

import shutil

import huggingface_hub
import pytest

import checkpoints
from semantic_highlight.errors import CheckpointError
from semantic_highlight.models import load_scorer
from semantic_highlight.models.resolve import resolve

FIRST, SECOND = "1" * 40, "2" * 40


@pytest.fixture
def offline(monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


@pytest.fixture
def cache(tmp_path):
    """A cache with two revisions of one repository; ``main`` is the second, ``v1`` the first."""
    repository = tmp_path / "cache" / "models--somebody--pruner"
    for commit, branch, threshold in ((FIRST, "v1", 0.2), (SECOND, "main", 0.3)):
        written = checkpoints.write_open_provence(tmp_path / branch, default_threadshold=threshold)
        snapshot = repository / "snapshots" / commit
        snapshot.mkdir(parents=True)
        for path in written.iterdir():
            blob = repository / "blobs" / f"{commit[:4]}{path.name}"
            blob.parent.mkdir(exist_ok=True)
            shutil.move(path, blob)
            (snapshot / path.name).symlink_to(blob)
        (repository / "refs").mkdir(exist_ok=True)
        (repository / "refs" / branch).write_text(commit)
    return tmp_path / "cache"


def test_a_folder_comes_before_the_hub(tmp_path, monkeypatch):
    (tmp_path / "somebody" / "pruner").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert resolve("somebody/pruner").samefile(tmp_path / "somebody" / "pruner")


@pytest.mark.parametrize(
    ("revision", "commit"), [(None, SECOND), ("main", SECOND), ("v1", FIRST), (FIRST, FIRST)]
)
def test_a_hub_id_is_found_in_the_cache_offline(cache, offline, revision, commit):
    found = resolve("somebody/pruner", revision=revision, cache_dir=cache)
    assert found == cache / "models--somebody--pruner" / "snapshots" / commit


def test_a_scorer_loads_from_the_cache_and_is_named_by_its_id(cache, offline):
    scorer = load_scorer("somebody/pruner", cache_dir=cache, device="cpu")
    assert (scorer.name, scorer.default_threshold) == ("somebody/pruner", 0.3)
    assert load_scorer("somebody/pruner", cache_dir=cache, revision="v1").default_threshold == 0.2


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("somebody/else", {}, "'somebody/else' is no folder here"),
        ("somebody/pruner", {"revision": "v9"}, "at revision 'v9'"),
    ],
)
def test_what_the_cache_lacks_is_said_offline(cache, offline, name, options, message):
    with pytest.raises(CheckpointError, match=message):
        resolve(name, cache_dir=cache, **options)


def test_a_blocked_network_is_an_error_of_ours(tmp_path):
    with pytest.raises(CheckpointError, match="Check the id and the network"):
        resolve("somebody/pruner", cache_dir=tmp_path)


@pytest.mark.parametrize("name", ["no/such/folder", "pruner", "../up", "a b/c"])
def test_what_is_neither_folder_nor_id_asks_nobody(name, monkeypatch):
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *a, **k: pytest.fail("asked the hub"))
    with pytest.raises(CheckpointError, match="is no model folder"):
        resolve(name)


def test_only_data_is_asked_for(tmp_path, monkeypatch):
    asked = {}

    def download(repository, **options):
        asked.update(options, repository=repository)
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    resolve("somebody/pruner", revision="v1", cache_dir=tmp_path, token="secret")
    assert [asked[key] for key in ("repository", "revision", "token")] == ["somebody/pruner", "v1", "secret"]

    files = [
        "config.json",
        "model-00001-of-00002.safetensors",
        "model.safetensors.index.json",
        "tokenizer.json",
    ]
    unwanted = [
        "modeling.py",
        "pytorch_model.bin",
        "model.pt",
        "tf_model.h5",
        "onnx/model.safetensors",
        "a.pkl",
    ]
    filtered = huggingface_hub.utils.filter_repo_objects(
        files + unwanted, allow_patterns=asked["allow_patterns"], ignore_patterns=asked["ignore_patterns"]
    )
    assert list(filtered) == files
