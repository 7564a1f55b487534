"""Importing the package must not pay for what only some of its parts need."""

import subprocess
import sys

import pytest

HEAVY = (
    "torch",
    "transformers",
    "onnxruntime",
    "tokenizers",
    "langchain_core",
    "llama_index",
    "tiktoken",
    "typer",
)


def modules_after(statement):
    """The modules that a fresh interpreter has loaded after a statement."""
    code = f"import sys; {statement}; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {line.split(".")[0] for line in done.stdout.splitlines()}


@pytest.mark.parametrize(
    "statement",
    [
        "import semantic_highlight",
        "from semantic_highlight import Highlighter; Highlighter.lexical()",
        "import semantic_highlight.testing, semantic_highlight.record, semantic_highlight.selection",
    ],
)
def test_importing_loads_nothing_heavy(statement):
    assert modules_after(statement) & set(HEAVY) == set()


def test_a_heavy_module_would_be_seen():
    assert "tiktoken" in modules_after("import tiktoken")
