"""The report: Markdown, CSV, and one HTML page with plots and examples that needs no other file."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from semantic_highlight import render
from semantic_highlight.errors import InputError
from semantic_highlight.evaluate import plots, tables
from semantic_highlight.evaluate.curves import curve, reliability
from semantic_highlight.evaluate.evaluation import Evaluation
from semantic_highlight.evaluate.groups import ALL
from semantic_highlight.evaluate.parallel import ParallelEvaluation
from semantic_highlight.evaluate.tables import Table
from semantic_highlight.evaluate.worst import Example, worst_examples

TITLE = "What pruning saves, and what it loses"

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
body{color:#222;background:#fff}
table{border-collapse:collapse;margin:.5rem 0 1.5rem;font-size:13px;display:block;overflow-x:auto}
td,th{border:1px solid #ddd;padding:.2rem .5rem;text-align:left;white-space:nowrap}
th{background:#f5f5f5}pre{background:#f5f5f5;padding:.6rem;white-space:pre-wrap}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(26rem,1fr))}
img{width:100%}details{border:1px solid #ddd;padding:.5rem .8rem;margin:.5rem 0}
summary{cursor:pointer}.lost{color:#a00}
"""


def write_report(
    folder: Path, evaluation: Evaluation, *, command: str = "", parallel: ParallelEvaluation | None = None
) -> list[Path]:
    """Write ``report.html``, ``report.md`` and CSV files.

    Args:
        folder: Where to; it is made if it is not there, and files of the same names are replaced.
        evaluation: What was measured.
        command: What made it, to be shown.
        parallel: What was measured across languages.

    Returns:
        The files.

    Raises:
        InputError: If the folder cannot be written to.
        MissingExtraError: If matplotlib is not installed.
    """
    with _writing_to(folder):  # before the work, not after it
        folder.mkdir(parents=True, exist_ok=True)
    measures = [*evaluation.measures, *(parallel.measures if parallel else ())]
    shown = _tables(evaluation, parallel)
    examples = worst_examples(evaluation.sentences, evaluation.runs[0])
    contents = {
        "report.html": _page(evaluation, shown, examples, command),
        "report.md": _markdown(evaluation, shown, examples, command),
        "measures.csv": tables.measures_csv(measures),
        "comparisons.csv": tables.comparisons_csv(evaluation.comparisons),
    }
    if parallel:
        contents["agreements.csv"] = tables.agreements_csv(parallel)
    with _writing_to(folder):
        for name, content in contents.items():
            # Half a surrogate pair, which JSON can hold and UTF-8 cannot, is written as \ud83d.
            (folder / name).write_bytes(content.encode("utf-8", "backslashreplace"))
    return [folder / name for name in contents]


@contextmanager
def _writing_to(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{folder} cannot be written to: {error.strerror}; give another folder for the report"
        ) from error


def _tables(evaluation: Evaluation, parallel: ParallelEvaluation | None) -> list[Table]:
    found = [tables.overall_table(evaluation), *tables.group_tables(evaluation, interval=True)]
    if evaluation.comparisons:
        found.append(tables.comparison_table(evaluation.comparisons))
    return found + (tables.parallel_tables(parallel, interval=True) if parallel else [])


def _how(evaluation: Evaluation) -> str:
    how = evaluation.resampling
    return (
        f"Tokens counted by {evaluation.token_counter}. Intervals hold 95 %: {how.resamples} bootstrap "
        f"resamples of the documents, seed {how.seed}. Sentences of a group are in one pool."
    )


def _markdown(
    evaluation: Evaluation, shown: Sequence[Table], examples: Sequence[Example], command: str
) -> str:
    parts = [f"# {TITLE}\n", _how(evaluation) + "\n"]
    if command:
        parts.append(f"    {command}\n")
    parts += [table.as_markdown() for table in shown]
    parts.append(f"### The worst of {evaluation.runs[0].model}\n")
    parts += [_markdown_example(example) for example in examples]
    return "\n".join(parts)


def _markdown_example(example: Example) -> str:
    lost = "; ".join(f"“{' '.join(text.split())}” ({score:.2f})" for text, score in example.lost)
    query = " ".join(example.record.query.split())
    return (
        f"- {example.record.id}: {query} Kept in vain: {example.in_vain} sentences. Lost: {lost or 'nothing'}"
    )


def _page(evaluation: Evaluation, shown: Sequence[Table], examples: Sequence[Example], command: str) -> str:
    model = html.escape(evaluation.runs[0].model)
    parts = [
        f"<h1>{TITLE}</h1>",
        f"<pre>{html.escape(command)}</pre>" if command else "",
        f"<p>{html.escape(_how(evaluation))}</p>",
        _html_table(shown[0]),
        f'<div class="plots">{"".join(_plots(evaluation))}</div>',
        *map(_html_table, shown[1:]),
        f"<h2>The worst of {model}</h2>",
        "<p>Kept sentences are shaded by score, dropped ones struck; what was lost stands below.</p>",
        *map(_html_example, examples),
    ]
    body = "\n".join(part for part in parts if part)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{TITLE}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body>\n{body}\n</body></html>\n"
    )


def _plots(evaluation: Evaluation) -> list[str]:
    curves = {run.model: curve(run.scored) for run in evaluation.runs}
    first = {run.model: run.decisions[0].policy for run in evaluation.runs}
    by_length = [
        row for row in evaluation.measures if row.facet == "length" and row.policy == first[row.model]
    ]
    overall = [row for row in evaluation.measures if row.facet == ALL]
    drawn = [
        ("Savings against recall", plots.savings_plot(curves, overall)),
        ("Precision against recall", plots.precision_recall_plot(curves)),
        (
            "Calibration",
            plots.calibration_plot({run.model: reliability(run.scored) for run in evaluation.runs}),
        ),
    ]
    if by_length:
        drawn.append(("By length", plots.length_plot(by_length)))
    return [_image(title, content) for title, content in drawn]


def _image(title: str, svg: bytes) -> str:
    data = base64.b64encode(svg).decode("ascii")
    return f'<div><h2>{title}</h2><img alt="{title}" src="data:image/svg+xml;base64,{data}"></div>'


def _html_table(table: Table) -> str:
    def row(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    rows = "\n".join((row(table.header, "th"), *(row(cells, "td") for cells in table.rows)))
    return f"<h2>{html.escape(table.title)}</h2>\n<table>\n{rows}\n</table>"


def _html_example(example: Example) -> str:
    record = example.record
    lost = "".join(
        f'<li class="lost">{html.escape(text.strip())} ({score:.2f})</li>' for text, score in example.lost
    )
    summary = f"{record.id}: {record.query} ({len(example.lost)} lost, {example.in_vain} kept in vain)"
    return (
        f"<details><summary>{html.escape(summary)}</summary>\n"
        f"{render.to_html(record.context, example.marks)}\n<ul>{lost}</ul></details>"
    )
