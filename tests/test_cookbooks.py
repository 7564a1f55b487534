"""The cookbooks run from top to bottom, and show what is saved in them."""

import re
import shutil
import subprocess
import sys

import nbformat
import pytest

import documentation

# Scores differ in the last digits from one processor to another, and shades with them.
_SCORES = re.compile(r'title="[\d.]+"|rgba\([\d.,]+\)|(?<=relevance\': )[\d.]+')


def shown(notebook):
    """What every cell shows, without what may differ between machines."""
    outputs = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {"stream": output.get("text", "")})
            outputs.append({kind: _SCORES.sub("", text) for kind, text in data.items()})
    return outputs


@pytest.mark.slow
@pytest.mark.parametrize("path", documentation.COOKBOOKS, ids=lambda path: path.stem)
def test_it_runs_and_shows_what_is_saved(path, tmp_path):
    copy = shutil.copy(path, tmp_path)
    # In a process of its own: the client of the kernel leaves sockets open.
    subprocess.run([sys.executable, documentation.__file__, copy], check=True)
    assert shown(nbformat.read(copy, as_version=4)) == shown(nbformat.read(path, as_version=4))


@pytest.mark.parametrize("path", documentation.COOKBOOKS, ids=lambda path: path.stem)
def test_it_was_saved_with_its_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    kinds = {kind for output in shown(notebook) for kind in output}
    assert {"text/html", "text/markdown", "stream"} <= kinds
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert all(output.output_type != "error" for cell in cells for output in cell.outputs)


def test_there_are_cookbooks():
    assert len(documentation.COOKBOOKS) >= 2
