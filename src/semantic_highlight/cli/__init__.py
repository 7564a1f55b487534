"""The command line, ``semantic-highlight``: one file a subcommand, which loads what it needs when it runs.

Exit codes: 0 done; 1 whoever read the output went away; 2 an input or an option that cannot be used, with
one line on standard error that says why; 130 interrupted.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from semantic_highlight.cli.bench import bench
from semantic_highlight.cli.calibrate import calibrate
from semantic_highlight.cli.convert import convert
from semantic_highlight.cli.demo import demo
from semantic_highlight.cli.evaluate import evaluate
from semantic_highlight.cli.judge import judge
from semantic_highlight.cli.models import models
from semantic_highlight.cli.prune import prune
from semantic_highlight.cli.records import records
from semantic_highlight.cli.train import train
from semantic_highlight.errors import SemanticHighlightError

__all__ = ["app", "main"]

PROGRAM = "semantic-highlight"

app = typer.Typer(
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: rich alone would take 100 ms to import
)
app.command()(prune)
app.command()(demo)
app.command()(train)
app.command()(evaluate)
app.command()(models)
app.command()(convert)
app.command()(calibrate)
app.command()(records)
app.command()(judge)
app.command()(bench)


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    show_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Keep the sentences of documents that answer a query, and drop the others."""
    if show_version:
        typer.echo(f"{PROGRAM} {version(PROGRAM)}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: Instead of the process's own.
    """
    _make_usable()
    try:
        return app(arguments, prog_name=PROGRAM, standalone_mode=False) or 0
    except typer.TyperException as error:
        return _refused(f"{error.format_message().rstrip('.')}; see {PROGRAM} --help")
    except SemanticHighlightError as error:
        return _refused(str(error))


def _make_usable() -> None:
    # What a terminal cannot show is no reason to fail after the work is done.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    if sys.stderr is None:  # it was closed, by 2>&-
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - as long as the process


def _refused(reason: str) -> int:
    # One line, whatever a file's name or a library's message has in it.
    sys.stderr.write(f"{PROGRAM}: {' '.join(reason.split())}\n")
    return 2
