"""Who may import what: the contracts in pyproject.toml, and proof that each of them can fail."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "semantic_highlight"


def lint(source):
    """Check the contracts on a folder that holds the package."""
    command = [
        Path(sys.executable).with_name("lint-imports"),
        "--no-cache",
        "--config",
        ROOT / "pyproject.toml",
    ]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=source,
        env={**os.environ, "PYTHONPATH": str(source), "PYTHONIOENCODING": "utf-8"},
    )


def test_every_contract_is_kept():
    done = lint(PACKAGE.parent)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "fault", "contract"),
    [
        ("errors.py", "from semantic_highlight import types", "Imports point down"),
        ("savings.py", "from semantic_highlight import tokens", "Imports point down"),
        (
            "splitting/prose.py",
            "def f():\n    from semantic_highlight.cli import prune",
            "Imports point down",
        ),
        ("new.py", "", "Imports point down"),
        ("llama_index.py", "from semantic_highlight import langchain", "Adapters and training"),
        ("adapter.py", "import langchain_core.documents", "LangChain"),
        ("langchain.py", "import llama_index.core", "LlamaIndex"),
        ("scoring.py", "import torch", "Models' libraries"),
        ("cli/prune.py", "def f():\n    import onnxruntime", "Models' libraries"),
        ("record.py", "import numpy", "What all else stands on"),
    ],
)
def test_a_fault_is_seen(module, fault, contract, tmp_path):
    copy = tmp_path / "semantic_highlight"
    shutil.copytree(
        PACKAGE, copy, ignore=lambda _, names: [n for n in names if Path(n).suffix not in {"", ".py"}]
    )
    with (copy / module).open("a", encoding="utf-8") as file:
        file.write(f"\n{fault}\n")
    done = lint(tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert any(line.startswith(contract) and " BROKEN" in line for line in done.stdout.splitlines())
