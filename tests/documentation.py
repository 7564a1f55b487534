"""Run what the documentation shows, and save what it prints: ``make docs``.

In README.md a ``python`` block runs after those before it, in one namespace; a ``text`` block right after
it is what it prints. In a ``console`` block every line that begins with ``$`` is run, and what follows is
what it prints. A cookbook is run from top to bottom.
"""

import contextlib
import io
import re
import shlex
import subprocess
import sys
from pathlib import Path

import nbformat
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.tools import tool
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
COOKBOOKS = sorted((ROOT / "cookbooks").glob("*.ipynb"))

_EXAMPLE = re.compile(
    r"^```(?P<kind>python|console)\n(?P<code>.*?)^```\n(?P<output>\n```text\n.*?^```\n)?",
    re.MULTILINE | re.DOTALL,
)
_PROGRAM = "from semantic_highlight.cli import main; raise SystemExit(main())"


@tool
def search(query: str) -> str:
    """Search the manual."""
    return f"Nothing about {query}."


def run_readme(text):
    """Return README.md with what its examples print now."""
    # What a reader brings along: a chat model and a tool of his own.
    namespace = {"model": GenericFakeChatModel(messages=iter([])), "search": search}

    def run(match):
        if match["kind"] == "console":
            return f"```console\n{_console(match['code'])}```\n"
        printed = _python(match["code"], namespace)
        output = f"\n```text\n{printed}```\n" if printed else ""
        return f"```python\n{match['code']}```\n{output}"

    return _EXAMPLE.sub(run, text)


def _python(code, namespace):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, str(README), "exec"), namespace)
    return printed.getvalue()


def _console(code):
    lines = []
    for line in code.splitlines():
        if line.startswith("$ "):
            program, *arguments = shlex.split(line[2:])
            assert program == "semantic-highlight", line
            done = subprocess.run(
                [sys.executable, "-c", _PROGRAM, *arguments],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
                cwd=ROOT,
                encoding="utf-8",
            )
            lines += [f"{line}\n", done.stdout]
    return "".join(lines)


def run_cookbook(path):
    """Return a cookbook with what its cells show now."""
    notebook = nbformat.read(path, as_version=4)
    options = {"kernel_name": "python3", "timeout": 120, "record_timing": False, "coalesce_streams": True}
    NotebookClient(notebook, **options).execute()
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "text/html" in output.get("data", {}):
                # A document's repr is longer than the document, and nobody is shown it.
                output["data"].pop("text/plain", None)
    return notebook


def main(*paths):
    """Run the README and the cookbooks, or only the cookbooks given, and write them back."""
    if not paths:
        README.write_text(run_readme(README.read_text(encoding="utf-8")), encoding="utf-8")
    for path in paths or COOKBOOKS:
        nbformat.write(run_cookbook(path), path)


if __name__ == "__main__":
    main(*sys.argv[1:])
