"""What a user gets: the wheel has the types, the data and the licences, and asks for nothing heavy."""

import email
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as opened:
        yield opened


@pytest.fixture(scope="module")
def metadata(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return email.message_from_bytes(wheel.read(name))


def test_every_file_of_the_package_ships(wheel):
    package = ROOT / "src" / "semantic_highlight"
    tracked = subprocess.run(
        ["git", "ls-files", "-z", package], cwd=ROOT, check=False, capture_output=True, text=True
    ).stdout.split("\0")
    if not any(tracked):
        pytest.skip("this is no checkout")
    expected = {name.removeprefix("src/") for name in tracked if name and (ROOT / name).exists()}
    assert "semantic_highlight/py.typed" in expected
    assert "semantic_highlight/cli/demo/documents/ATTRIBUTION.md" in expected
    assert expected <= set(wheel.namelist())


def test_licences_ship(wheel, metadata):
    assert metadata["License-Expression"] == "Apache-2.0 AND CC-BY-SA-4.0"
    names = {Path(name).name for name in wheel.namelist() if ".dist-info/licenses/" in name}
    assert names == {"LICENSE", "ATTRIBUTION.md"}


def test_a_light_install_is_light(metadata):
    base = {
        requirement.split(">")[0].split("<")[0].split("=")[0].strip()
        for requirement in metadata.get_all("Requires-Dist")
        if "extra ==" not in requirement
    }
    assert base == {"markdown-it-py", "numpy", "onnxruntime", "sentencex", "tiktoken", "tokenizers", "typer"}


def test_every_extra_brings_something(metadata):
    for extra in metadata.get_all("Provides-Extra"):
        assert any(f"extra == '{extra}'" in requirement for requirement in metadata.get_all("Requires-Dist"))


def test_the_command_is_there(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert b"semantic-highlight = semantic_highlight.cli:main" in wheel.read(name)
