"""Measure models on labelled records: one scoring pass each, all policies and groups from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from semantic_highlight.assembly import Assembler
from semantic_highlight.errors import InputError
from semantic_highlight.evaluate.decisions import DECIDED, Decisions, decide
from semantic_highlight.evaluate.groups import Group, format_of, groups_of
from semantic_highlight.evaluate.intervals import Estimate, estimates, p_value
from semantic_highlight.evaluate.measures import RANKED, Measured, Measures, Resampling, measure
from semantic_highlight.evaluate.scored import (
    LabelledSentences,
    ScoredSentences,
    bar,
    highlighted,
    label_records,
    score_labelled,
)
from semantic_highlight.highlighter import Counter, Highlighter
from semantic_highlight.splitting import split
from semantic_highlight.tokens import as_counter

if TYPE_CHECKING:
    from semantic_highlight.records import Record
    from semantic_highlight.selection import Selector
    from semantic_highlight.types import Splitter

COMPARED = tuple(name for name in DECIDED + RANKED if not name.startswith(("latency", "tokens_per")))
"""The figures that models are tested on: all but those of the machine."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one model made of the records.

    Attributes:
        model: As it was named.
        scored: The scored sentences.
        decisions: One for each policy.
    """

    model: str
    scored: ScoredSentences
    decisions: tuple[Decisions, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A paired test of two models with the first policy of each, on the same documents.

    Attributes:
        model: The first model.
        other: The model that it is compared with.
        facet: As in the measures.
        group: As in the measures.
        figure: The name of a figure of the measures.
        difference: The other model's figure less the first one's.
        p_value: Two-sided, of a paired bootstrap test that there is no difference.
    """

    model: str
    other: str
    facet: str
    group: str
    figure: str
    difference: Estimate
    p_value: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured, and what it was measured on.

    Attributes:
        measures: One for each model, group of records and policy.
        comparisons: Of the first model with every other one.
        sentences: The labelled sentences.
        runs: What each model made of them.
        token_counter: What counted tokens; it begins with ``estimate:`` where counts are estimates.
        resampling: How intervals were drawn.
    """

    measures: tuple[Measures, ...]
    comparisons: tuple[Comparison, ...]
    sentences: LabelledSentences
    runs: tuple[Run, ...]
    token_counter: str
    resampling: Resampling


def evaluate(
    models: Mapping[str, Highlighter],
    records: Iterable[Record],
    *,
    selectors: Sequence[Selector] = (),
    splitter: Splitter = split,
    counter: Counter = "o200k_base",
    resampling: Resampling | None = None,
    progress: bool = False,
) -> Evaluation:
    """Measure what models save and what they lose on labelled records.

    Every record is a query with one document. Each model scores it once; thresholds, policies, groups and
    intervals are computed from the scores. The sentences are the records' own where they have any, else
    those of ``splitter``, so that they are the same for all models.

    Args:
        models: Highlighters by the name that they are to have; the first is compared with the others.
        records: As :func:`semantic_highlight.records.read_records` reads them.
        selectors: Policies to measure; by default each model's own.
        splitter: Cuts the documents whose source labels no sentences.
        counter: Counts tokens.
        resampling: How intervals are drawn; by default 1,000 resamples.
        progress: Show bars on standard error.

    Raises:
        InputError: If there is no model or no record.
        MissingExtraError: If bars are asked for and tqdm is not installed.
    """
    if not models:
        raise InputError(
            "there is no model to evaluate: give at least one, as {'lexical': Highlighter.lexical()}"
        )
    tokens = as_counter(counter)
    sentences = label_records(records, splitter=splitter, counter=tokens)
    groups = groups_of(sentences, [format_of(split(record.context)) for record in sentences.documents])
    how = resampling or Resampling()
    assembler = Assembler(tokens)
    runs = [
        run_model(name, highlighter, sentences, selectors=selectors, assembler=assembler, progress=progress)
        for name, highlighter in models.items()
    ]
    jobs = [(run, group) for run in runs for group in groups]
    found = [
        measure(run.model, run.scored, run.decisions, group=group, resampling=how)
        for run, group in bar(jobs, "intervals", shown=progress)
    ]
    measures = tuple(row for one in found for row in one.measures)
    comparisons = tuple(_comparisons(found, groups))
    return Evaluation(measures, comparisons, sentences, tuple(runs), tokens.name, how)


def run_model(
    name: str,
    highlighter: Highlighter,
    sentences: LabelledSentences,
    *,
    selectors: Sequence[Selector],
    assembler: Assembler,
    progress: bool = False,
) -> Run:
    """Score records once and apply every policy to the scores."""
    scored = score_labelled(highlighter.scorer, sentences, progress=progress)
    documents = list(highlighted(sentences, scored))
    decisions = (
        decide(documents, sentences, selector=selector, assembler=assembler)
        for selector in selectors or (highlighter.default_selector,)
    )
    return Run(name, scored, tuple(decisions))


def _comparisons(found: Sequence[Measured], groups: Sequence[Group]) -> Iterable[Comparison]:
    """Yield the comparisons of the first model, whose groups come first, with the others."""
    first = found[: len(groups)]
    columns = [(DECIDED + RANKED).index(name) for name in COMPARED]
    for start in range(len(groups), len(found), len(groups)):
        for one, other in zip(first, found[start : start + len(groups)], strict=True):
            differences = (other.drawn - one.drawn)[:, columns]
            here, there = one.measures[0], other.measures[0]
            for name, difference, drawn in zip(COMPARED, estimates(differences), differences.T, strict=True):
                if not np.isnan(difference.value):
                    yield Comparison(
                        here.model, there.model, here.facet, here.group, name, difference, p_value(drawn[1:])
                    )
