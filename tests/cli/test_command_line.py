import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version

import pytest

from semantic_highlight.cli import main

HEAVY = {
    "langchain_core",
    "llama_index",
    "numpy",
    "onnxruntime",
    "rich",
    "tokenizers",
    "torch",
    "transformers",
}


def test_help_says_what_there_is(capsys):
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert {"prune", "demo"} <= set(shown.split())


def test_without_arguments_it_shows_its_help(capsys):
    assert main(["--help"]) == main([]) == 0
    shown = capsys.readouterr().out
    assert shown == shown[: len(shown) // 2] * 2


def test_version(capsys):
    try:
        installed = version("semantic-highlight")
    except PackageNotFoundError:
        pytest.skip("the package is not installed")
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"semantic-highlight {installed}\n"


def start(redirection, *arguments, **environment):
    """Run the program as ``sh`` does with a redirection."""
    code = "from semantic_highlight.cli import main; raise SystemExit(main())"
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, "-c", code, *arguments],
        capture_output=True,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize(
    ("redirection", "reason"),
    [
        ("</dev/null >&-", b"the output cannot be written: standard output is closed; leave it open"),
        ("<&-", b"- cannot be read: standard input is closed; give a file"),
    ],
)
def test_a_closed_stream_is_refused_in_one_line(redirection, reason):
    done = start(redirection, "prune", "battery", "-", "--model", "lexical")
    assert (done.returncode, done.stderr) == (2, b"semantic-highlight: " + reason + b"\n")


def test_where_standard_error_is_closed_the_rest_works():
    done = start("</dev/null 2>&-", "prune", "battery", "-", "--model", "lexical")
    assert (done.returncode, done.stdout) == (0, b"")


def test_a_name_that_the_output_cannot_show_is_escaped(tmp_path):
    source, target = tmp_path / "数据.jsonl", tmp_path / "出.jsonl"
    source.write_text('{"query": "q", "context": "c"}\n', encoding="utf-8")
    done = start("", "records", str(source), str(target), PYTHONIOENCODING="cp1252", PYTHONUTF8="0")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\\u51fa.jsonl: 1 records" in done.stdout
    assert target.exists()


@pytest.mark.parametrize("arguments", [["frobnicate"], ["--frobnicate"], ["demo", "--model", "nowhere"]])
def test_what_cannot_be_done_is_refused_in_one_line(arguments, capsys):
    assert main(arguments) == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith("semantic-highlight: ")
    assert errors.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--help"], ["prune", "--help"], ["demo", "--help"], ["--frobnicate"]])
def test_help_loads_nothing_heavy(arguments):
    code = (
        f"import sys; from semantic_highlight.cli import main; main({arguments!r}); "
        "print('LOADED', *{name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split("LOADED")[1].split())
    assert "typer" in loaded
    assert loaded & HEAVY == set()
