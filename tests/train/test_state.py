from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch

from semantic_highlight.errors import InputError
from semantic_highlight.train.state import check_identity, find_folder, load_state, save_state, write_folder


class KilledError(BaseException):
    pass


def fill_with(text):
    return lambda folder: (folder / "content").write_text(text)


def content(target):
    found = find_folder(target)
    return None if found is None else (found / "content").read_text()


def write_and_die(monkeypatch, target, text, *, before):
    """Write a folder in a process that dies before its ``before``-th change of the disk's names."""
    left = iter(range(before))
    originals = {name: getattr(Path, name) for name in ("rename", "mkdir")}

    def dying(name):
        def call(*args, **kwargs):
            if next(left, None) is None:
                raise KilledError
            return originals[name](*args, **kwargs)

        return call

    with monkeypatch.context() as patch:
        for name in originals:
            patch.setattr(Path, name, dying(name))
        try:
            write_folder(target, fill_with(text))
        except KilledError:
            return False
    return True


def test_a_folder_is_whole_wherever_its_writer_dies(monkeypatch, tmp_path):
    for before, then in itertools.product(range(5), range(5)):
        target = tmp_path / f"{before} {then}" / "state"
        write_folder(target, fill_with("old"))
        done = write_and_die(monkeypatch, target, "new", before=before)
        assert content(target) == ("new" if done else "old")
        # And a second death, on top of what the first one left.
        again = write_and_die(monkeypatch, target, "newer", before=then)
        assert content(target) in ({"newer"} if again else {"old", "new"})
        write_folder(target, fill_with("newest"))
        assert content(target) == "newest"
        assert [path.name for path in target.parent.iterdir()] == ["state"]


def test_a_folder_that_cannot_be_filled_is_not_there(tmp_path):
    def fail(folder):
        (folder / "half").write_text("half")
        raise KilledError

    with pytest.raises(KilledError):
        write_folder(tmp_path / "model", fail)
    assert find_folder(tmp_path / "model") is None


def test_state_comes_back(tmp_path):
    layer = torch.nn.Linear(2, 2)
    torch.manual_seed(5)
    save_state(tmp_path / "state", progress={"step": 3}, identity={"seed": 1}, layer=layer)
    expected = torch.rand(3)
    other = torch.nn.Linear(2, 2)
    assert load_state(tmp_path / "state", layer=other) == {"step": 3}
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(other.weight, layer.weight)


def test_no_state_is_none(tmp_path):
    assert load_state(tmp_path / "state") is None
    check_identity(tmp_path / "state", {"seed": 1})


def test_every_difference_is_named(tmp_path):
    was = {"seed": 1, "same": [1, 2], "sources": [{"path": "a", "cap": 3}, {"path": "b"}]}
    save_state(tmp_path / "state", progress={}, identity=was)
    check_identity(tmp_path / "state", dict(was))
    now = {"seed": 2, "same": (1, 2), "sources": [{"path": "a", "cap": None}], "new": True}
    with pytest.raises(InputError) as caught:
        check_identity(tmp_path / "state", now)
    assert "other settings: " in str(caught.value)
    for change in (
        "seed (was 1, is 2)",
        "sources.0.cap (was 3, is None)",
        "sources.1.path (was 'b', is 'absent')",
        "new (was 'absent', is True)",
    ):
        assert change in str(caught.value)
    assert "same" not in str(caught.value).replace("same with", "")
