"""``semantic-highlight prune``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from semantic_highlight.cli import reading, writing
from semantic_highlight.cli.options import Model, make_highlighter
from semantic_highlight.errors import InputError
from semantic_highlight.selection import (
    Neighbours,
    Selector,
    TargetCompression,
    Threshold,
    TokenBudget,
    TopK,
)
from semantic_highlight.types import BUNDLED

Query = Annotated[str, typer.Argument(help="What is asked.")]
Files = Annotated[list[str], typer.Argument(help="Text, Markdown or JSONL; - for standard input.")]
Above = Annotated[
    float | None, typer.Option(help="Keep what scores above it, 0.0 to 1.0.", show_default="the model's")
]
Best = Annotated[int | None, typer.Option(help="Keep so many sentences of all documents.")]
Budget = Annotated[int | None, typer.Option(help="Keep the best that fit so many tokens.")]
Removed = Annotated[float | None, typer.Option(help="Remove at least this share of the tokens, 0.0 to 1.0.")]
Around = Annotated[
    int,
    typer.Option(
        help="Keep so many sentences before and after each kept one. With --budget or "
        "--target-compression: choose among what scores above the model's threshold and its neighbours."
    ),
]
Fitted = Annotated[
    Path | None, typer.Option(help="Keep what scores above the threshold of a file of calibrate.")
]
Gap = Annotated[str, typer.Option(help="What stands for dropped sentences where that is shorter: ' […] '.")]
Encoding = Annotated[str, typer.Option(help="What counts tokens: an encoding of tiktoken.")]
Jsonl = Annotated[bool, typer.Option("--jsonl", help="Read JSONL whatever a file's name.")]
Json = Annotated[bool, typer.Option("--json", help="Write one JSON object a document, with its savings.")]
Highlight = Annotated[
    bool,
    typer.Option(
        "--highlight", help="Write the whole text, marked in colour; with --json, list every sentence."
    ),
]


def prune(  # noqa: PLR0913, PLR0917 - a command's options are its arguments
    query: Query,
    files: Files,
    threshold: Above = None,
    top_k: Best = None,
    budget: Budget = None,
    target_compression: Removed = None,
    calibration: Fitted = None,
    neighbours: Around = 0,
    gap: Gap = "",
    model: Model = BUNDLED,
    encoding: Encoding = "o200k_base",
    jsonl: Jsonl = False,
    as_json: Json = False,
    highlight: Highlight = False,
) -> None:
    """Print the sentences that answer a query.

    What that saves goes to standard error. A file is one document; of one whose name ends in .jsonl, every
    line is one: an object with its text in the field text, page_content or content. --json keeps the others.
    Give at most one of --threshold, --top-k, --budget, --target-compression and --calibration.
    """
    choice = {
        "--threshold": threshold,
        "--top-k": top_k,
        "--budget": budget,
        "--target-compression": target_compression,
        "--calibration": calibration,
    }
    highlighter = make_highlighter(model, counter=encoding, gap=gap, calibration=calibration)
    selector = _selector(choice, neighbours, highlighter.default_selector)
    documents = reading.read_documents(files, jsonl=jsonl)
    pruned = highlighter.prune(query, [document.text for document in documents], selector=selector)
    if as_json:
        writing.write(writing.as_json(documents, pruned, include_sentences=highlight))
    else:
        writing.write(writing.as_marked(pruned) if highlight else writing.as_text(pruned))
    sys.stderr.write(f"{writing.summary(pruned, highlighter.counter)}\n")


def _selector(choice: dict[str, Any], neighbours: int, default: Selector) -> Selector:
    given = [name for name, value in choice.items() if value is not None]
    if len(given) > 1:
        raise InputError(f"{' and '.join(given)} exclude each other: give one of {', '.join(choice)}")

    def widened(inner: Selector) -> Selector:
        return Neighbours(inner, neighbours) if neighbours else inner

    # Neighbours go into a budget, not around it: what is asked for is never exceeded.
    among = widened(default) if neighbours else None
    if choice["--budget"] is not None:
        return TokenBudget(choice["--budget"], among=among)
    if choice["--target-compression"] is not None:
        return TargetCompression(choice["--target-compression"], among=among)
    if choice["--top-k"] is not None:
        return widened(TopK(choice["--top-k"]))
    threshold = choice["--threshold"]
    return widened(default if threshold is None else Threshold(threshold))
