"""Measure what pruning saves and what it loses.

Importing this loads nothing heavy; its names load what they need when they are first used::

    from pathlib import Path
    from semantic_highlight import Highlighter
    from semantic_highlight.evaluate import evaluate, write_report
    from semantic_highlight.records import read_records

    models = {"bundled": Highlighter.from_pretrained(), "lexical": Highlighter.lexical()}
    evaluation = evaluate(models, read_records(Path("mine.jsonl")))
    for row in evaluation.measures:
        print(row.model, row.facet, row.group, row.f1, row.tokens_removed)
    write_report(Path("out"), evaluation)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from semantic_highlight.evaluate.baselines import baseline
    from semantic_highlight.evaluate.evaluation import Comparison, Evaluation, evaluate
    from semantic_highlight.evaluate.intervals import Estimate
    from semantic_highlight.evaluate.measures import Measures, Resampling
    from semantic_highlight.evaluate.parallel import evaluate_parallel, pair_records
    from semantic_highlight.evaluate.report import write_report

__all__ = [
    "Comparison",
    "Estimate",
    "Evaluation",
    "Measures",
    "Resampling",
    "baseline",
    "evaluate",
    "evaluate_parallel",
    "pair_records",
    "write_report",
]

_HOMES = {
    "Comparison": "evaluation",
    "Estimate": "intervals",
    "Evaluation": "evaluation",
    "Measures": "measures",
    "Resampling": "measures",
    "baseline": "baselines",
    "evaluate": "evaluation",
    "evaluate_parallel": "parallel",
    "pair_records": "parallel",
    "write_report": "report",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
