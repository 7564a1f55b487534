"""``semantic-highlight evaluate``."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from semantic_highlight.cli.options import make_highlighter
from semantic_highlight.errors import InputError
from semantic_highlight.types import BUNDLED

if TYPE_CHECKING:
    from semantic_highlight.evaluate import Evaluation
    from semantic_highlight.evaluate.parallel import ParallelEvaluation
    from semantic_highlight.highlighter import Highlighter
    from semantic_highlight.records import Record
    from semantic_highlight.selection import Selector

T = TypeVar("T")

Models = Annotated[
    list[str],
    typer.Option(
        "--model",
        help=f"What scores: {BUNDLED}, lexical (BM25), lead (first sentences), random, none (no pruning), "
        "embedding:NAME, or a model's folder or hub name. Repeat it to test the first against the others.",
    ),
]
More = Annotated[
    list[Path] | None, typer.Argument(help="Labelled examples, in any format of records.", show_default=False)
]
Data = Annotated[list[Path] | None, typer.Option("--data", help="The same; several may follow.")]
Thresholds = Annotated[
    list[float] | None,
    typer.Option("--threshold", help="Measure this threshold. Repeatable, as the next three."),
]
Best = Annotated[list[int] | None, typer.Option("--top-k", help="Measure keeping so many sentences.")]
Budgets = Annotated[list[int] | None, typer.Option("--budget", help="Measure so many tokens a document.")]
Removals = Annotated[
    list[float] | None, typer.Option("--target-compression", help="Measure this share of tokens removed.")
]
Parallel = Annotated[
    tuple[Path, Path] | None,
    typer.Option("--parallel", help="Two files in two languages with the same ids after ':'."),
]
Report = Annotated[Path | None, typer.Option("--report", help="Write Markdown, CSV and an HTML page there.")]
Limit = Annotated[int | None, typer.Option(help="Take at most so many records of a file, drawn by --seed.")]
Seed = Annotated[int, typer.Option(help="Of what is drawn: records, resamples, the scores of random.")]
Resamples = Annotated[int, typer.Option(help="Bootstrap resamples for the intervals.")]
SkipBad = Annotated[
    bool, typer.Option("--skip-bad", help="Leave records out that cannot be used; count them.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


def evaluate(  # noqa: PLR0913, PLR0917 - a command's options are its arguments
    files: More = None,
    model: Models = [BUNDLED],  # noqa: B006 - typer copies it
    data: Data = None,
    threshold: Thresholds = None,
    top_k: Best = None,
    budget: Budgets = None,
    target_compression: Removals = None,
    parallel: Parallel = None,
    report: Report = None,
    limit: Limit = None,
    seed: Seed = 0,
    resamples: Resamples = 1000,
    skip_bad: SkipBad = False,
    as_json: Json = False,
) -> None:
    """Measure what models save and what they lose on labelled records.

    A record is a query, a document and the spans that answer: the JSONL that train and calibrate share,
    or another format that records converts. Every model scores it once; thresholds, policies, groups and
    intervals are computed from that.
    """
    from semantic_highlight.evaluate import Resampling, evaluate_parallel, write_report
    from semantic_highlight.evaluate import evaluate as measure

    policies = {
        "--threshold": threshold,
        "--top-k": top_k,
        "--budget": budget,
        "--target-compression": target_compression,
    }
    selectors = _selectors(policies)
    sample = _Sample(limit, seed, skip_bad)
    records = sample.records([*(data or ()), *(files or ())] or list(parallel or ()))
    pairs = sample.pairs(*parallel) if parallel else None
    models = {name: _highlighter(name, seed) for name in model}
    how, progress = Resampling(resamples, seed), sys.stderr.isatty()
    found = measure(models, records, selectors=selectors, resampling=how, progress=progress)
    across = evaluate_parallel(models, pairs, resampling=how, progress=progress) if pairs else None
    typer.echo(_as_json(found, across) if as_json else _as_text(found, across), nl=False)
    if report:
        options: dict[str, Any] = {
            "--model": model,
            **policies,
            "--parallel": parallel,
            "--limit": limit,
            "--seed": seed,
        }
        options |= {"--resamples": resamples, "--skip-bad": skip_bad, "--report": report}
        command = _command(options | {"--data": [*(data or ()), *(files or ())]})
        written = write_report(report, found, command=command, parallel=across)
        sys.stderr.write("".join(f"{path}\n" for path in written))


def _highlighter(name: str, seed: int) -> Highlighter:
    from semantic_highlight.evaluate import baseline
    from semantic_highlight.highlighter import Highlighter

    scorer = baseline(name, seed=seed)
    return make_highlighter(name) if scorer is None else Highlighter(scorer)


def _selectors(chosen: dict[str, Any]) -> list[Selector]:
    from semantic_highlight.selection import TargetCompression, Threshold, TokenBudget, TopK

    policies: dict[str, Callable[[Any], Selector]] = {
        "--threshold": Threshold,
        "--top-k": TopK,
        "--budget": TokenBudget,
        "--target-compression": TargetCompression,
    }
    return [policies[name](value) for name, values in chosen.items() for value in values or ()]


@dataclass(frozen=True, slots=True)
class _Sample:
    """How much of the data to take."""

    limit: int | None
    seed: int
    skip_bad: bool

    def records(self, paths: Sequence[Path]) -> list[Record]:
        """Return the records of all files; one without a dataset is of the file's name."""
        if not paths:
            raise InputError("there is no data: give files of records after --data")
        return [
            record if record.dataset else replace(record, dataset=path.name.partition(".")[0])
            for path in paths
            for record in self._drawn(self._read(path))
        ]

    def pairs(self, first: Path, second: Path) -> list[tuple[Record, Record]]:
        """Return the pairs of two parallel files."""
        from semantic_highlight.evaluate import pair_records

        return self._drawn(pair_records(self._read(first), self._read(second)))

    def _read(self, path: Path) -> list[Record]:
        from semantic_highlight.evaluate.formats import read_data

        bad: list[InputError] = []
        records = list(read_data(path, on_bad=bad.append if self.skip_bad else None))
        if bad:
            sys.stderr.write(
                f"{path}: {len(bad)} records left out, {len(records)} taken; the first: {bad[0]}\n"
            )
        return records

    def _drawn(self, items: list[T]) -> list[T]:
        if self.limit is None or self.limit >= len(items):
            return items
        if self.limit < 1:
            raise InputError(f"--limit is {self.limit}: use a whole number of at least 1")
        import numpy as np

        drawn = np.random.default_rng(self.seed).choice(len(items), self.limit, replace=False)
        return [items[index] for index in sorted(drawn)]


def _as_text(found: Evaluation, across: ParallelEvaluation | None) -> str:
    from semantic_highlight.evaluate import tables

    shown = [tables.overall_table(found), *tables.group_tables(found, interval=False)]
    if found.comparisons:
        shown.append(tables.comparison_table(found.comparisons, tables.BY_GROUP))
    if across:
        shown += tables.parallel_tables(across, interval=False)
    return "\n".join(table.as_text() for table in shown)


def _as_json(found: Evaluation, across: ParallelEvaluation | None) -> str:
    from semantic_highlight.evaluate.tables import as_plain

    content = {
        "token_counter": found.token_counter,
        "resamples": found.resampling.resamples,
        "seed": found.resampling.seed,
        "measures": as_plain([*found.measures, *(across.measures if across else ())]),
        "comparisons": as_plain(found.comparisons),
        "agreements": as_plain(across.agreements if across else ()),
    }
    return json.dumps(content, ensure_ascii=False) + "\n"


def _command(options: dict[str, Any]) -> str:
    """Return the command that these options came from, defaults included."""
    words = ["semantic-highlight", "evaluate"]
    for name, value in options.items():
        if name in {"--data", "--parallel"} and value:
            words += [name, *map(str, value)]
        elif isinstance(value, list):
            words += [word for one in value for word in (name, str(one))]
        elif value is True:
            words.append(name)
        elif value is not None and value is not False:
            words += [name, str(value)]
    return shlex.join(words)
