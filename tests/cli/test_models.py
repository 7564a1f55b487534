import subprocess
import sys

import pytest

from semantic_highlight.cli import main
from semantic_highlight.models.families import FAMILIES
from semantic_highlight.models.known import KNOWN_CHECKPOINTS
from semantic_highlight.models.packed.checkpoint import read_config


@pytest.fixture
def lines(capsys):
    assert main(["models"]) == 0
    return capsys.readouterr().out.splitlines()


def test_lists_every_known_checkpoint_with_what_decides_a_choice(lines):
    (zilliz,) = [line for line in lines if line.startswith("zilliz/")]
    assert zilliz.split() == [
        "zilliz/semantic-highlight-bilingual-v1", "zilliz", "568M", "en", "zh", "8,192", "0.5", "mit",
    ]  # fmt: skip
    assert all(any(line.startswith(known.id + " ") for line in lines) for known in KNOWN_CHECKPOINTS)


def test_lists_the_bundled_model_as_its_configuration_is(lines):
    from semantic_highlight.models import BUNDLED_FOLDER

    config = read_config(BUNDLED_FOLDER)
    (bundled,) = [line.split() for line in lines if line.startswith("bundled ")]
    assert bundled[-2:] == [f"{config.default_threshold:g}", "apache-2.0"]


def test_lists_every_family_and_how_it_is_recognised(lines):
    assert all(f"{family.name} " in "\n".join(lines) for family in FAMILIES)
    assert all(any(family.description in line for line in lines) for family in FAMILIES)


def test_every_known_checkpoint_is_of_a_family_that_loads():
    names = {family.name for family in FAMILIES}
    assert {known.family for known in KNOWN_CHECKPOINTS} == names - {"converted"}


def test_weights_for_non_commercial_use_say_so():
    assert {known.id.split("/")[0] for known in KNOWN_CHECKPOINTS if "-nc" in known.licence} == {"naver"}


def test_needs_no_torch():
    code = (
        "import sys; from semantic_highlight.cli import main; main(['models']); "
        "print('LOADED', {'torch', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("LOADED set()\n")
