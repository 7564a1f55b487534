"""The cross-lingual case: a query in one language on a document in the other, of parallel records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from semantic_highlight.assembly import Assembler
from semantic_highlight.errors import InputError
from semantic_highlight.evaluate.counts import ratio
from semantic_highlight.evaluate.evaluation import Run, run_model
from semantic_highlight.evaluate.groups import Group
from semantic_highlight.evaluate.intervals import Estimate, estimates, resampled
from semantic_highlight.evaluate.measures import Measures, Resampling, measure
from semantic_highlight.evaluate.scored import label_records
from semantic_highlight.splitting import split
from semantic_highlight.tokens import as_counter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from semantic_highlight.highlighter import Highlighter
    from semantic_highlight.records import Record

FACET = "query on document"


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often a model decides alike where it should.

    Attributes:
        model: As it was named.
        what: ``queries``: the same document under the query in its own language and in the other, sentence
            by sentence. ``documents``: the two documents of a pair, each under its own query, sentence by
            sentence, where both have the same number. ``answers``: the same, whether the whole answer is
            kept.
        language: Of the document for ``queries``, else of both.
        pairs: Pairs of decided documents.
        share: Share of the sentences, of the pairs for ``answers``, that are decided alike.
    """

    model: str
    what: str
    language: str
    pairs: int
    share: Estimate


@dataclass(frozen=True, slots=True)
class ParallelEvaluation:
    """What was measured on parallel records.

    Attributes:
        measures: One for each model and direction; ``group`` is for example ``en query, zh document``.
        agreements: Of each model.
        pairs: Pairs of records that were found.
    """

    measures: tuple[Measures, ...]
    agreements: tuple[Agreement, ...]
    pairs: int


def pair_records(first: Iterable[Record], second: Iterable[Record]) -> list[tuple[Record, Record]]:
    """Pair the records of two files by id, without what stands before its first colon.

    ``xquad_en:56beb434`` and ``xquad_zh:56beb434`` are a pair. Records without a partner are left out.

    Raises:
        InputError: If there is no pair, or the languages are the same.
    """
    others = {_key(record): record for record in second}
    pairs = [(record, others[_key(record)]) for record in first if _key(record) in others]
    if not pairs:
        raise InputError(
            "the two files share no id: records are a pair when their ids are the same after ':'"
        )
    languages = [{record.lang for record in side} for side in zip(*pairs, strict=True)]
    if len(languages[0]) != 1 or len(languages[1]) != 1 or languages[0] == languages[1]:
        shown = " and ".join(", ".join(sorted(some)) for some in languages)
        raise InputError(
            f"the languages of the two files are {shown}: give one language a file, not the same"
        )
    return pairs


def _key(record: Record) -> str:
    return record.id.partition(":")[2] or record.id


def evaluate_parallel(
    models: Mapping[str, Highlighter],
    pairs: Sequence[tuple[Record, Record]],
    *,
    resampling: Resampling | None = None,
    progress: bool = False,
) -> ParallelEvaluation:
    """Measure models with each query of a pair on each document of it.

    Args:
        models: Highlighters by the name that they are to have.
        pairs: As :func:`pair_records` finds them.
        resampling: How intervals are drawn; by default 1,000 resamples.
        progress: Show bars on standard error.

    Raises:
        MissingExtraError: If bars are asked for and tqdm is not installed.
    """
    how = resampling or Resampling()
    measures: list[Measures] = []
    agreements: list[Agreement] = []
    for name, highlighter in models.items():
        runs = {
            (q, d): _run(
                name, highlighter, [replace(pair[d], query=pair[q].query) for pair in pairs], progress
            )
            for q in (0, 1)
            for d in (0, 1)
        }
        languages = pairs[0][0].lang, pairs[0][1].lang
        everything = np.arange(len(pairs))
        for (q, d), run in runs.items():
            group = Group(FACET, f"{languages[q]} query, {languages[d]} document", everything)
            found = measure(name, run.scored, run.decisions, group=group, resampling=how)
            measures += found.measures
        agreements += _agreements(runs, languages, how)
    return ParallelEvaluation(tuple(measures), tuple(agreements), len(pairs))


def _run(name: str, highlighter: Highlighter, records: list[Record], progress: bool) -> Run:  # noqa: FBT001 - its one caller
    counter = as_counter(highlighter.counter)
    sentences = label_records(records, splitter=split, counter=counter)
    return run_model(
        name, highlighter, sentences, selectors=(), assembler=Assembler(counter), progress=progress
    )


def _agreements(
    runs: Mapping[tuple[int, int], Run], languages: tuple[str, str], how: Resampling
) -> list[Agreement]:
    kept = {key: _by_record(run) for key, run in runs.items()}
    name = runs[0, 0].model
    found = []
    for d in (0, 1):
        alike = [(int((a == b).sum()), len(a)) for a, b in zip(kept[0, d], kept[1, d], strict=True)]
        found.append(_agreement(name, "queries", languages[d], alike, how))
    both = " and ".join(languages)
    own = list(zip(kept[0, 0], kept[1, 1], strict=True))
    alike = [(int((a == b).sum()), len(a)) for a, b in own if len(a) == len(b)]
    found.append(_agreement(name, "documents", both, alike, how))
    whole = [_whole(runs[side, side]) for side in (0, 1)]
    alike = [(int(a == b), 1) for a, b in zip(*whole, strict=True)]
    return [*found, _agreement(name, "answers", both, alike, how)]


def _by_record(run: Run) -> list[NDArray[np.bool_]]:
    size = len(run.scored.seconds)
    bounds = np.searchsorted(run.scored.records, np.arange(1, size))
    return np.split(run.decisions[0].kept, bounds)


def _whole(run: Run) -> list[bool]:
    """Return for every record whether its whole answer is kept."""
    whole: list[bool] = (run.decisions[0].counts[:, -2] > 0).tolist()
    return whole


def _agreement(
    model: str, what: str, language: str, alike: Sequence[tuple[int, int]], how: Resampling
) -> Agreement:
    if not alike:
        nothing = float("nan")
        return Agreement(model, what, language, 0, Estimate(nothing, nothing, nothing))
    counts = np.array(alike, dtype=np.float64)

    def share(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        sums = weights @ counts
        return ratio(sums[:, :1], sums[:, 1:])

    (estimate,) = estimates(resampled(share, len(alike), resamples=how.resamples, seed=how.seed))
    return Agreement(model, what, language, len(alike), estimate)
