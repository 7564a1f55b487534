"""Evaluations as tables: text for the terminal, Markdown, CSV, and plain values for JSON."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Container, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from semantic_highlight.evaluate.evaluation import Comparison, Evaluation
from semantic_highlight.evaluate.groups import ALL
from semantic_highlight.evaluate.intervals import Estimate
from semantic_highlight.evaluate.measures import Measures
from semantic_highlight.evaluate.parallel import ParallelEvaluation

TITLES = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "f2": "F2",
    "tokens_removed": "tokens removed",
    "tokens_removed_without_answer": "tokens removed, no answer",
    "gold_whole": "answer kept whole",
    "average_precision": "average precision",
    "best_f1": "F1 at its best threshold",
    "recall_at_50": "recall at 50 % removed",
    "recall_at_70": "recall at 70 % removed",
    "recall_at_80": "recall at 80 % removed",
    "recall_at_90": "recall at 90 % removed",
    "calibration_error": "calibration error",
    "latency_median": "ms a document, median",
    "latency_p95": "ms a document, 95 %",
    "tokens_per_second": "tokens a second",
}
"""The figures in reading order, with their headings."""

BY_GROUP = (
    "f1",
    "recall",
    "tokens_removed",
    "gold_whole",
    "best_f1",
    "average_precision",
    "recall_at_70",
)
"""The figures that tables show where there is no room for all; all are in the CSV."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table to be shown.

    Attributes:
        title: What it is about.
        header: The headings of the columns.
        rows: The cells.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def as_text(self) -> str:
        """Return columns as wide as their widest cell, for a terminal."""
        widths = [max(map(len, column)) for column in zip(self.header, *self.rows, strict=True)]
        lines = (
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in (self.header, *self.rows)
        )
        return f"{self.title}\n" + "".join(f"{line}\n" for line in lines)

    def as_markdown(self) -> str:
        """Return a Markdown table under a heading."""
        rows = (self.header, ("---",) * len(self.header), *self.rows)
        lines = ("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)
        return f"### {self.title}\n\n" + "".join(f"{line}\n" for line in lines)


def shown(figure: str, estimate: Estimate, *, interval: bool = True) -> str:
    """Return a figure as text, with its interval in brackets where wanted; a dash where there is none."""
    if math.isnan(estimate.value):
        return "–"
    value = _number(figure, estimate.value)
    if not interval or math.isnan(estimate.low):
        return value
    return f"{value} [{_number(figure, estimate.low)}, {_number(figure, estimate.high)}]"


def _number(figure: str, value: float) -> str:
    if figure.startswith("latency"):
        ms = 1000 * value
        return f"{ms:,.0f}" if ms >= 100 else f"{ms:.3g}"
    if figure == "tokens_per_second":
        return f"{value:,.0f}"
    return f"{value:.3f}"


def overall_table(evaluation: Evaluation) -> Table:
    """Return all figures on all records, one column for each model and policy."""
    rows = [row for row in evaluation.measures if row.facet == ALL]
    first = rows[0]
    title = (
        f"{first.documents} documents, {first.unanswered} of them without an answer, "
        f"{first.sentences} sentences; 95 % intervals"
    )
    return Table(title, ("", *(f"{row.model}, {row.policy}" for row in rows)), _figures_by_row(rows))


def _figures_by_row(rows: Sequence[Measures]) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (heading, *(shown(figure, getattr(row, figure)) for row in rows))
        for figure, heading in TITLES.items()
    )


def group_tables(evaluation: Evaluation, *, interval: bool) -> list[Table]:
    """Return one table for each facet: a row for each group, model and policy.

    Args:
        evaluation: What was measured.
        interval: Whether to show intervals.
    """
    facets = dict.fromkeys(row.facet for row in evaluation.measures if row.facet != ALL)
    return [
        measures_table(
            f"By {facet}", [row for row in evaluation.measures if row.facet == facet], interval=interval
        )
        for facet in facets
    ]


def measures_table(title: str, rows: Iterable[Measures], *, interval: bool) -> Table:
    """Return the figures of ``BY_GROUP``: a row for each of the measures, in the order of the groups."""
    measures = list(rows)
    order = list(dict.fromkeys(row.group for row in measures))
    measures.sort(key=lambda row: order.index(row.group))
    several = len({row.policy for row in measures}) > len({row.model for row in measures})
    cells = (
        (
            row.group,
            str(row.documents),
            f"{row.model}, {row.policy}" if several else row.model,
            *(shown(figure, getattr(row, figure), interval=interval) for figure in BY_GROUP),
        )
        for row in measures
    )
    return Table(title, ("", "documents", "model", *(TITLES[name] for name in BY_GROUP)), tuple(cells))


def comparison_table(comparisons: Iterable[Comparison], figures: Container[str] = TITLES) -> Table:
    """Return the paired tests of these figures on all records."""
    cells = (
        (
            f"{row.other} – {row.model}",
            TITLES[row.figure],
            shown(row.figure, row.difference),
            f"{row.p_value:.3f}",
        )
        for row in comparisons
        if row.facet == ALL and row.figure in figures
    )
    title = "Differences on the same documents (paired bootstrap)"
    return Table(title, ("", "figure", "difference", "p"), tuple(cells))


def parallel_tables(parallel: ParallelEvaluation, *, interval: bool) -> list[Table]:
    """Return the figures of every direction, and how often decisions agree."""
    directions = measures_table(
        f"Across languages, {parallel.pairs} pairs", parallel.measures, interval=interval
    )
    cells = (
        (row.model, _AGREEMENTS[row.what].format(row.language), str(row.pairs), shown(row.what, row.share))
        for row in parallel.agreements
    )
    title = "Decisions that agree across languages"
    return [directions, Table(title, ("model", "between", "pairs", "share"), tuple(cells))]


_AGREEMENTS = {
    "queries": "the {} document under either query, sentence by sentence",
    "documents": "{} documents under their own queries, sentence by sentence",
    "answers": "{} documents under their own queries: the whole answer is kept",
}


def measures_csv(measures: Iterable[Measures]) -> str:
    """Return one line for each figure of each model, policy and group."""
    header = ("model", "policy", "facet", "group", "documents", "figure", "value", "low", "high")
    rows = (
        (row.model, row.policy, row.facet, row.group, row.documents, figure, *_cells(estimate))
        for row in measures
        for figure, estimate in row.estimates()
    )
    return _csv(header, rows)


def comparisons_csv(comparisons: Iterable[Comparison]) -> str:
    """Return one line for each paired test."""
    header = ("model", "other", "facet", "group", "figure", "difference", "low", "high", "p")
    rows = (
        (row.model, row.other, row.facet, row.group, row.figure, *_cells(row.difference), row.p_value)
        for row in comparisons
    )
    return _csv(header, rows)


def agreements_csv(parallel: ParallelEvaluation) -> str:
    """Return one line for each share of decisions that agree."""
    header = ("model", "what", "language", "pairs", "share", "low", "high")
    rows = ((row.model, row.what, row.language, row.pairs, *_cells(row.share)) for row in parallel.agreements)
    return _csv(header, rows)


def _cells(estimate: Estimate) -> tuple[str, ...]:
    found = (estimate.value, estimate.low, estimate.high)
    return tuple("" if math.isnan(value) else repr(value) for value in found)


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return written.getvalue()


def as_plain(values: Iterable[Any]) -> list[Any]:
    """Return dataclasses as plain values for JSON, which has no NaN: null stands for it."""
    return [_without_nan(asdict(value)) for value in values]


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(one) for key, one in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value
