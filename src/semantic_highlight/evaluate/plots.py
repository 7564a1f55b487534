"""The plots of the report, as SVG."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from semantic_highlight.errors import MissingExtraError
from semantic_highlight.evaluate.curves import Curve, Reliability
from semantic_highlight.evaluate.measures import Measures

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE = (6.4, 4.4)
"""Width and height of a plot, in inches."""


def savings_plot(curves: Mapping[str, Curve], measures: Sequence[Measures]) -> bytes:
    """Draw what is saved against what is kept, with a dot where each model's policy stands.

    Args:
        curves: Of each model.
        measures: Of each model and policy, on the same records.
    """
    figure, axes = _axes("tokens removed", "recall of the sentences that answer")
    for index, (name, curve) in enumerate(curves.items()):
        axes.plot(curve.removed, curve.recall, color=f"C{index}", label=name)
        for row in measures:
            if row.model == name:
                axes.plot(row.tokens_removed.value, row.recall.value, "o", color=f"C{index}")
    axes.plot([0, 1], [1, 0], color="0.6", linestyle=":", linewidth=1, label="by chance")
    return _svg(figure, axes)


def precision_recall_plot(curves: Mapping[str, Curve]) -> bytes:
    """Draw precision against recall."""
    figure, axes = _axes("recall", "precision")
    for index, (name, curve) in enumerate(curves.items()):
        axes.plot(curve.recall, curve.precision, color=f"C{index}", label=name)
    return _svg(figure, axes)


def calibration_plot(bins: Mapping[str, Reliability]) -> bytes:
    """Draw how often sentences answer against their score; the area of a dot is their number."""
    figure, axes = _axes("score", "share of sentences that answer")
    axes.plot([0, 1], [0, 1], color="0.6", linestyle=":", linewidth=1, label="calibrated")
    for index, (name, found) in enumerate(bins.items()):
        areas = 200 * found.sentences / found.sentences.sum()
        axes.plot(found.scores, found.answering, color=f"C{index}", label=name)
        axes.scatter(found.scores, found.answering, s=areas, color=f"C{index}")
    return _svg(figure, axes)


def length_plot(measures: Sequence[Measures]) -> bytes:
    """Draw F1 and its interval by length of the document.

    Args:
        measures: Of the first policy of each model, groups in order.
    """
    figure, axes = _axes("length of the document", "F1")
    names = list(dict.fromkeys(row.group for row in measures))
    models = list(dict.fromkeys(row.model for row in measures))
    for index, model in enumerate(models):
        rows = [row for row in measures if row.model == model and not math.isnan(row.f1.value)]
        values = [row.f1.value for row in rows]
        spread = [
            [row.f1.value - min(row.f1.low, row.f1.value) for row in rows],
            [max(row.f1.high, row.f1.value) - row.f1.value for row in rows],
        ]
        places = [names.index(row.group) + 0.08 * (index - (len(models) - 1) / 2) for row in rows]
        axes.errorbar(places, values, yerr=spread, fmt="o-", capsize=3, color=f"C{index}", label=model)
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_xticks(range(len(names)), [name.replace(" ", "\n") for name in names])
    return _svg(figure, axes)


def _axes(across: str, up: str) -> tuple[Any, Axes]:
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "matplotlib", "evaluate") from error
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.add_subplot()
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel=across, ylabel=up)
    axes.grid(color="0.9")
    return figure, axes


def _svg(figure: Any, axes: Axes) -> bytes:
    from matplotlib import rc_context

    axes.legend(fontsize="small")
    written = io.BytesIO()
    # Without a date and with fixed ids, the same evaluation gives the same file.
    with rc_context({"svg.hashsalt": "semantic-highlight"}):
        figure.savefig(written, format="svg", metadata={"Date": None})
    return written.getvalue()
