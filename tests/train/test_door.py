"""Importing the subpackage is cheap, and what it lacks is named."""

from __future__ import annotations

import subprocess
import sys

import pytest

from semantic_highlight import train


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_importing_it_loads_nothing_heavy():
    done = run("import sys, semantic_highlight.train; print(*sys.modules)")
    assert done.returncode == 0
    assert not {"torch", "transformers", "accelerate", "pydantic", "onnx"} & set(done.stdout.split())


@pytest.mark.parametrize(("name", "library"), [("run_training", "torch"), ("load_config", "pydantic")])
def test_a_missing_library_is_named_with_the_extra(name, library):
    done = run(
        f"import sys; sys.modules[{library!r}] = None\n"
        "from semantic_highlight.errors import MissingExtraError\n"
        "import semantic_highlight.train as train\n"
        f"try: train.{name}\nexcept MissingExtraError as error: print(error)"
    )
    assert f"{library} is not installed. Run: pip install 'semantic-highlight[train]'" in done.stdout, (
        done.stderr
    )


def test_its_names():
    assert train.__all__ == sorted(train.__all__)
    assert all(getattr(train, name) for name in train.__all__)
    with pytest.raises(AttributeError, match="no attribute 'fit'"):
        _ = train.fit
