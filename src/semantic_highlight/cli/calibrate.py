"""``semantic-highlight calibrate``."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semantic_highlight.cli.options import Model, make_highlighter
from semantic_highlight.types import BUNDLED

if TYPE_CHECKING:
    from semantic_highlight.records import Record

Data = Annotated[
    list[str],
    typer.Option(
        "--data",
        help="Labelled examples: records as JSONL, or any other format of records. Repeatable.",
    ),
]
Recall = Annotated[float, typer.Option(help="The share of gold sentences to keep, between 0 and 1.")]
Confidence = Annotated[float, typer.Option(help="The probability of keeping it, between 0 and 1.")]
Out = Annotated[Path, typer.Option(help="Where the calibration is written.")]
SkipBad = Annotated[
    bool, typer.Option("--skip-bad", help="Leave examples out that cannot be used; count them.")
]


def calibrate(
    data: Data,
    recall: Recall = 0.95,
    confidence: Confidence = 0.9,
    model: Model = BUNDLED,
    out: Out = Path("calibration.json"),
    skip_bad: SkipBad = False,
) -> None:
    """Find the threshold that keeps a promised share of the gold sentences, and write it to a file.

    Of new queries like the labelled ones, at least --recall of the gold sentences, one a query, score above
    it, with a probability of --confidence, whatever the model. At .95 and .9 that takes 84 queries with an
    answer. prune --calibration and Highlighter.from_pretrained(calibration=...) take the file.
    """
    from semantic_highlight.evaluate.calibrate import calibrate as fit
    from semantic_highlight.evaluate.scored import bar

    highlighter = make_highlighter(model)
    records = [record for source in data for record in _read(source, skip_bad=skip_bad)]
    shown = sys.stderr.isatty() and find_spec("tqdm") is not None
    fitted = fit(
        highlighter.scorer,
        bar(records, highlighter.scorer.name, shown=shown),
        splitter=highlighter.splitter,
        recall=recall,
        confidence=confidence,
    )
    fitted.save(out)
    typer.echo(
        f"{out}: {fitted.model} keeps at least {recall:.4g} of the gold sentences above "
        f"{fitted.threshold:.6g}, with a confidence of {confidence:.4g} "
        f"({fitted.queries} queries, {fitted.sentences} gold sentences)"
    )


def _read(source: str, *, skip_bad: bool) -> list[Record]:
    from semantic_highlight.errors import InputError
    from semantic_highlight.evaluate.formats import read_data

    bad: list[InputError] = []
    records = list(read_data(source, on_bad=bad.append if skip_bad else None))
    if bad:
        sys.stderr.write(f"{source}: {len(bad)} left out, {len(records)} taken; the first: {bad[0]}\n")
    return records
