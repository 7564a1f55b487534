"""``semantic-highlight records``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

Source = Annotated[
    str, typer.Argument(help="A .jsonl, .json or .parquet file, or hf://owner/name/config:split.")
]
Target = Annotated[str, typer.Argument(help="A .jsonl, .json or .parquet file to write.")]
From = Annotated[
    str | None, typer.Option("--from", help="What the source is in.", show_default="its first row's")
]
To = Annotated[str, typer.Option("--to", help="records, context-relevance, squad, hotpotqa or multispanqa.")]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Leave rows out that cannot be used; count them.")]


def records(
    source: Source, target: Target, from_format: From = None, to: To = "records", skip_bad: SkipBad = False
) -> None:
    """Convert labelled data from one format to another.

    The formats: this package's records; context-relevance, the columns of Open Provence's and zilliz's data;
    squad, also of CMRC 2018, DRCD and XQuAD; hotpotqa; multispanqa. A .gz at the end of a name compresses.
    """
    from semantic_highlight.errors import InputError
    from semantic_highlight.evaluate.formats import read_data, write_data

    bad: list[InputError] = []
    read = list(read_data(source, format=from_format, on_bad=bad.append if skip_bad else None))
    rows = write_data(target, read, format=to)
    typer.echo(f"{target}: {len(read)} records in {rows} rows of {to}")
    if bad:
        sys.stderr.write(f"{len(bad)} rows left out; the first: {bad[0]}\n")
